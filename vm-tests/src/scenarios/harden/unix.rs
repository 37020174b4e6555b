//! A local database's Unix socket.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use interdict_kernel::{Hook, UnixSocket, Verdict};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{DONE, EPERM, client, guarded, text, unavailable};
use crate::Outcome;
use crate::bench::{Bench, SERVICE, eventually};

const NAME: &str = ".s.PGSQL.5432";

/// A directory of the scenario's own, gone afterwards.
pub(super) struct Directory(pub(super) PathBuf);

impl Directory {
    pub(super) fn new(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("interdict-test-{}-{name}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

fn protect(bench: &Bench, path: &Path) -> Result<()> {
    bench.kernel.protect_unix(&[UnixSocket {
        path: path.to_owned(),
        service: SERVICE,
        fail_open: false,
    }])?;
    Ok(())
}

/// Whichever of two hooks is in force here; the second if neither is.
fn whichever(bench: &Bench, socket: Hook, name: Hook) -> Hook {
    if unavailable(bench, socket).is_none() {
        socket
    } else {
        name
    }
}

pub(super) fn by_its_name() -> Result<Outcome> {
    let bench = Bench::new()?;
    let place = Directory::new("unix")?;
    let path = place.0.join(NAME);
    let _server = UnixListener::bind(&path)?;
    let other = place.0.join(".s.PGSQL.5433");
    let _other = UnixListener::bind(&other)?;
    protect(&bench, &path)?;
    let got = client(&bench, &["unix", text(&other)?])?;
    ensure!(got == DONE, "another socket: {got:?}");
    let hook = whichever(&bench, Hook::LsmUnixConnect, Hook::ConnectUnix);
    if unavailable(&bench, hook).is_none() {
        let got = client(&bench, &["unix-relative", text(&place.0)?, NAME])?;
        ensure!(got == EPERM, "by a relative path: {got:?}");
        // The kernel takes both for the same path.
        for way in ["unix-unended", "unix-overlong"] {
            let got = client(&bench, &[way, text(&path)?])?;
            ensure!(got == EPERM, "{way}: {got:?}");
            let got = client(&bench, &[way, text(&other)?])?;
            ensure!(got == DONE, "{way} to another socket: {got:?}");
        }
    }
    guarded(&bench, hook, Verdict::UnixSocket, libc::EPERM, || {
        client(&bench, &["unix", text(&path)?])
    })
}

pub(super) fn datagram() -> Result<Outcome> {
    let bench = Bench::new()?;
    let place = Directory::new("datagram")?;
    let path = place.0.join("query.sock");
    let _server = UnixDatagram::bind(&path)?;
    protect(&bench, &path)?;
    let hook = whichever(&bench, Hook::LsmUnixSend, Hook::SendmsgUnix);
    guarded(&bench, hook, Verdict::UnixSocket, libc::EPERM, || {
        client(&bench, &["unix-datagram", text(&path)?])
    })
}

/// Links, another mount, a rename: only a hook that sees the socket itself knows it by these.
pub(super) fn by_other_names() -> Result<Outcome> {
    let bench = Bench::new()?;
    let place = Directory::new("names")?;
    let directory = place.0.join("postgresql");
    fs::create_dir(&directory)?;
    let path = directory.join(NAME);
    let _server = UnixListener::bind(&path)?;
    let symbolic = place.0.join("symbolic");
    symlink(&path, &symbolic)?;
    let hard = place.0.join("hard");
    fs::hard_link(&path, &hard)?;
    let mounted = place.0.join("mounted");
    fs::create_dir(&mounted)?;
    mount(
        Some(&directory),
        &mounted,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )?;
    let outcome = tried(
        &bench,
        &path,
        &[symbolic.clone(), hard, mounted.join(NAME)],
        &symbolic,
    );
    umount2(&mounted, MntFlags::MNT_DETACH)?;
    outcome
}

fn tried(bench: &Bench, path: &Path, names: &[PathBuf], last: &Path) -> Result<Outcome> {
    protect(bench, path)?;
    if unavailable(bench, Hook::LsmUnixConnect).is_none() {
        for name in names {
            let got = client(bench, &["unix", text(name)?])?;
            ensure!(got == EPERM, "{}: {got:?}", name.display());
        }
        let renamed = path.with_file_name("renamed");
        fs::rename(path, &renamed)?;
        let got = client(bench, &["unix", text(&renamed)?])?;
        ensure!(got == EPERM, "renamed: {got:?}");
        fs::rename(&renamed, path)?;
    }
    guarded(
        bench,
        Hook::LsmUnixConnect,
        Verdict::UnixSocket,
        libc::EPERM,
        || client(bench, &["unix", text(last)?]),
    )
}

/// A service that restarts makes another socket, and may make its directory again.
pub(super) fn after_a_restart() -> Result<Outcome> {
    let bench = Bench::new()?;
    let place = Directory::new("restart")?;
    let directory = place.0.join("postgresql");
    let path = directory.join(NAME);
    // Protected before it is there.
    protect(&bench, &path)?;
    fs::create_dir(&directory)?;
    let hook = whichever(&bench, Hook::LsmUnixConnect, Hook::ConnectUnix);
    let guard = unavailable(&bench, hook).is_none();
    for turn in ["first", "with a new directory"] {
        let server = UnixListener::bind(&path)?;
        eventually("a new directory is known", || {
            Ok((client(&bench, &["unix", text(&path)?])? == EPERM) == guard)
        })?;
        drop(server);
        fs::remove_file(&path)?;
        let _restarted = UnixListener::bind(&path)?;
        // At once: the directory is known, nobody had time to look.
        let got = client(&bench, &["unix", text(&path)?])?;
        ensure!((got == EPERM) == guard, "{turn}, restarted: {got:?}");
        fs::remove_dir_all(&directory)?;
        fs::create_dir(&directory)?;
    }
    let _server = UnixListener::bind(&path)?;
    eventually("a new directory is known", || {
        Ok((client(&bench, &["unix", text(&path)?])? == EPERM) == guard)
    })?;
    guarded(&bench, hook, Verdict::UnixSocket, libc::EPERM, || {
        client(&bench, &["unix", text(&path)?])
    })
}
