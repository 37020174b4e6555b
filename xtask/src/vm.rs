//! `vm`: the kernel scenarios in virtual machines, on every kernel from the oldest supported to the newest.
//!
//! Each machine is a kernel of Debian's and a file system in memory; nothing of the host is mounted in it. What a
//! scenario comes to is said on a serial line, and what is not said is taken for a failure.

mod cpio;
mod image;
mod kernels;
mod machine;
mod matrix;
mod modules;
mod page;
mod serial;
mod version;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::MultiProgress;

use self::image::Payload;
use self::kernels::{Kernel, Store};
use self::machine::{Accelerator, Ended, Machine};
use self::matrix::{Column, Matrix};
use self::serial::Transcript;
use crate::cleanup::Cleanup;
use crate::workspace::Workspace;
use crate::{build, host, setup, test, ui};

/// What to boot and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only scenarios whose name contains this
    filter: Option<String>,
    /// Only this kernel, by version (`6.1`) or suite of Debian (`sid`); repeatable
    #[arg(long = "kernel", value_name = "V", value_delimiter = ',')]
    kernels: Vec<String>,
    /// One JSON document instead of tables
    #[arg(long)]
    json: bool,
    /// Put the tables, of the kernels that were run, into docs/kernels.md as well
    #[arg(long, conflicts_with = "filter")]
    docs: bool,
    /// The host's own kernel too
    #[arg(long)]
    host: bool,
    /// Look for newer kernels than those fetched before
    #[arg(long)]
    update: bool,
    /// How many machines at a time; one has two processors, or one where it is emulated
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    jobs: u8,
    /// Seconds until a machine is given up
    #[arg(long, default_value_t = 2400, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Don't use KVM, even where it seems to work
    #[arg(long)]
    tcg: bool,
}

/// How long a machine may take to boot; one that can't run at all shows it by silence.
const BOOT: Duration = Duration::from_mins(3);
/// The same where the processor itself runs the guest.
const BOOT_KVM: Duration = Duration::from_secs(30);

/// Boots them all and prints the matrix. Whether nothing failed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "the kernels are x86-64's, and the scenarios are built for this machine, which is not"
    );
    setup::for_machines()?;
    let cleanup = Cleanup::watching()?;
    let root = workspace.target.join("vm");
    fs::create_dir_all(&root)?;
    let program = Program::build(workspace)?;
    let filter = options.filter.as_deref().unwrap_or_default();
    let scenarios = program.scenarios(filter)?;
    let kernels = Store::new(root.clone(), options.update).select(&options.kernels)?;
    let run = Run {
        payload: Payload::prepare(&program.path, &program.object, &root)?,
        root,
        filter,
        scenarios: &scenarios,
        timeout: Duration::from_secs(options.timeout),
        kvm: AtomicBool::new(!options.tcg && Accelerator::likely() == Accelerator::Kvm),
        progress: MultiProgress::new(),
        cleanup: &cleanup,
    };
    let mut columns = run.all(&kernels, options.jobs)?;
    if options.host {
        columns.push(program.on_host(filter, &scenarios)?);
    }
    let matrix = Matrix {
        scenarios,
        kernels: columns,
    };
    if options.json {
        println!("{}", matrix.json()?);
    } else {
        print!("\n{}", matrix.text());
    }
    if options.docs {
        page::write(&workspace.root.join("docs/kernels.md"), &matrix.markdown())?;
    }
    Ok(matrix.passed())
}

/// The scenarios' program.
struct Program {
    path: PathBuf,
    object: PathBuf,
}

impl Program {
    /// The same build as for `test`: whichever comes second has nothing to do.
    fn build(workspace: &Workspace) -> Result<Self> {
        let object = build::object(workspace, &setup::run(workspace)?)?;
        let mut cargo = workspace.cargo();
        cargo
            .arg("build")
            .args(test::HOST)
            .args(["--bin", "interdict-vm-tests"])
            .env("INTERDICT_BPF_OBJECT", &object);
        ui::step("the scenarios' program", &mut cargo)?;
        let path = workspace.target.join("debug/interdict-vm-tests");
        ensure!(path.is_file(), "cargo built no {}", path.display());
        Ok(Self { path, object })
    }

    /// Those that will run, in order.
    fn scenarios(&self, filter: &str) -> Result<Vec<String>> {
        let listed = ui::output(Command::new(&self.path).arg("--list"))?;
        let names: Vec<String> = listed
            .lines()
            .filter(|name| name.contains(filter))
            .map(str::to_owned)
            .collect();
        ensure!(!names.is_empty(), "no scenario's name contains `{filter}`");
        Ok(names)
    }

    fn on_host(&self, filter: &str, scenarios: &[String]) -> Result<Column> {
        if let Some(why) = host::kernel_refuses() {
            bail!("--host: {why}");
        }
        let spinner = ui::spinner("the host's kernel");
        let started = Instant::now();
        let mut transcript = Transcript::default();
        transcript.hear("INTERDICT-VM booted", Duration::ZERO);
        let program = || {
            let mut command = Command::new(&self.path);
            command.env("INTERDICT_BPF_OBJECT", &self.object);
            command
        };
        let facts = ui::output(program().arg("--facts"))?;
        let ran = program()
            .args((!filter.is_empty()).then_some(filter))
            .output()
            .context("the scenarios' program can't be started")?;
        let said = String::from_utf8_lossy(&ran.stdout);
        for line in facts.lines().chain(said.lines()) {
            transcript.hear(line, started.elapsed());
        }
        transcript.exited(ran.status.code());
        spinner.finish_and_clear();
        ui::done("the host's kernel", started.elapsed());
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?
            .trim()
            .to_owned();
        let flaw = transcript.flaw();
        Ok(Column {
            total_ms: milliseconds(started.elapsed()),
            ..Column::new(
                "host".to_owned(),
                release,
                "the host".to_owned(),
                scenarios,
                &transcript,
                flaw,
            )
        })
    }
}

/// What all machines share.
struct Run<'a> {
    payload: Payload,
    root: PathBuf,
    filter: &'a str,
    scenarios: &'a [String],
    timeout: Duration,
    /// Whether KVM is still believed to work.
    kvm: AtomicBool,
    progress: MultiProgress,
    cleanup: &'a Cleanup,
}

impl Run<'_> {
    /// Runs every kernel, `jobs` at a time, and keeps their order.
    fn all(&self, kernels: &[Kernel], jobs: u8) -> Result<Vec<Column>> {
        let waiting: Mutex<VecDeque<(usize, &Kernel)>> = Mutex::new(kernels.iter().enumerate().collect());
        let done = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..usize::from(jobs).min(kernels.len()) {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some((number, kernel)) = next else { break };
                        let column = self.one(kernel, title(kernel, kernels));
                        done.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((number, column));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        ensure!(done.len() == kernels.len(), "a machine's thread has ended early");
        done.sort_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, column)| column).collect()
    }

    fn one(&self, kernel: &Kernel, title: String) -> Result<Column> {
        let directory = self.root.join("runs").join(&kernel.package);
        fs::create_dir_all(&directory)?;
        let initramfs = directory.join("initramfs");
        self.payload.write(kernel, self.filter, &initramfs)?;
        let console = directory.join("console.log");
        let name = format!("Linux {title}");
        let spinner = self.progress.add(ui::spinner(&name));
        let boot = |accelerator| -> Result<Ended> {
            let machine = Machine {
                image: &kernel.image(),
                initramfs: &initramfs,
                console: &console,
                accelerator,
                timeout: self.timeout,
                boot_timeout: if accelerator == Accelerator::Kvm {
                    BOOT_KVM
                } else {
                    BOOT
                },
            };
            spinner.set_message("booting");
            machine.run(self.cleanup, |heard| {
                let last = heard.cases.last().map_or("", |case| &case.name);
                spinner.set_message(format!(
                    "{} of {} {last}",
                    heard.cases.len(),
                    self.scenarios.len()
                ));
            })
        };
        let mut accelerator = Accelerator::Tcg;
        let mut ended = None;
        if self.kvm.load(Ordering::Relaxed) {
            accelerator = Accelerator::Kvm;
            ended = Some(boot(accelerator)?).filter(|ended| ended.transcript.booted.is_some());
            if ended.is_none() {
                ui::warn("nothing boots with KVM here: emulating");
                self.kvm.store(false, Ordering::Relaxed);
                accelerator = Accelerator::Tcg;
            }
        }
        let ended = match ended {
            Some(ended) => ended,
            None => boot(accelerator)?,
        };
        spinner.finish_and_clear();
        let flaw = flaw(&ended);
        if let Some(flaw) = &flaw {
            ui::warn(&format!("{name}: {flaw}"));
            show_end(&console);
        } else {
            ui::done(&name, ended.took);
        }
        // It is large and made anew at each run.
        fs::remove_file(&initramfs)?;
        Ok(Column {
            accelerator: Some(accelerator),
            boot_ms: ended.transcript.booted.map(milliseconds),
            total_ms: milliseconds(ended.took),
            ..Column::new(
                title,
                kernel.release.clone(),
                kernel.suite.clone(),
                self.scenarios,
                &ended.transcript,
                flaw,
            )
        })
    }
}

/// Why the run is not a whole one.
fn flaw(ended: &Ended) -> Option<String> {
    let flaw = ended.transcript.flaw()?;
    Some(if ended.timed_out {
        format!("{flaw}, and was given up after {}", ui::seconds(ended.took))
    } else {
        flaw
    })
}

/// The last that the kernel said.
fn show_end(console: &Path) {
    let said = fs::read(console).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    for line in lines.iter().skip(lines.len().saturating_sub(20)) {
        ui::note(&format!("| {}", line.trim_end()));
    }
    ui::note(&format!("all of it: {}", console.display()));
}

/// The version, with the suite where that alone does not tell kernels apart.
fn title(kernel: &Kernel, all: &[Kernel]) -> String {
    let same = all.iter().filter(|other| other.version == kernel.version).count();
    if same > 1 {
        format!("{} {}", kernel.version, kernel.suite)
    } else {
        kernel.version.clone()
    }
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
