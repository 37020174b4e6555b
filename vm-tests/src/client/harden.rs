//! Ways around that are not connects by IP.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use anyhow::{Result, bail};
use interdict_kernel::doctor;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

/// Tries it, and prints the error's number, 0 for none. The outer error: there is no such way.
pub(super) fn run(arguments: &[&str]) -> Result<()> {
    let tried: io::Result<()> = match arguments {
        ["family", number] => Socket::new(Domain::from(number.parse::<i32>()?), Type::RAW, None)
            .or_else(|error| {
                // What knows no raw sockets was asked all the same.
                if error.raw_os_error() == Some(libc::ESOCKTNOSUPPORT) {
                    Socket::new(
                        Domain::from(number.parse::<i32>().unwrap_or(0)),
                        Type::STREAM,
                        None,
                    )
                } else {
                    Err(error)
                }
            })
            .map(drop),
        ["unix", path] => UnixStream::connect(path).map(drop),
        ["unix-unended", path] => crate::raw::connect_unix(path.as_bytes()),
        ["unix-overlong", path] => crate::raw::connect_unix(format!("{path}\0and/more").as_bytes()),
        ["unix-relative", directory, name] => {
            std::env::set_current_dir(directory)?;
            UnixStream::connect(name).map(drop)
        }
        ["unix-datagram", path] => UnixDatagram::unbound()
            .and_then(|socket| socket.send_to(b"hello", path))
            .map(drop),
        ["memory", process] => File::open(format!("/proc/{process}/mem")).map(drop),
        ["signal", process, number] => {
            let number: i32 = number.parse()?;
            let signal = if number == 0 {
                None
            } else {
                Some(Signal::try_from(number)?)
            };
            kill(Pid::from_raw(process.parse()?), signal).map_err(Into::into)
        }
        ["bpf", pins] => {
            if doctor(Path::new(pins)).bpf_allowed {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(libc::EPERM))
            }
        }
        ["unlink", path] => fs::remove_file(path),
        ["rename", from, to] => fs::rename(from, to),
        ["unmount", path] => umount2(*path, MntFlags::MNT_DETACH).map_err(Into::into),
        ["move", file] => OpenOptions::new()
            .write(true)
            .open(file)
            .and_then(|mut file| file.write_all(b"0")),
        ["clone", directory] => File::open(directory).and_then(|cgroup| crate::raw::clone_into(&cgroup)),
        _ => bail!("there is no such way"),
    };
    let number = match tried {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(-1),
    };
    println!("errno {number}");
    Ok(())
}
