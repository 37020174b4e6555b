//! Does one hot thing so many times, for a tool that counts instructions: `interdict-codecs NAME COUNT`.
//!
//! What it takes to begin is in every count alike: who measures runs it twice, with different counts, and looks at the difference.
//! Without arguments it prints the names.

mod audit;
mod body;
mod mysql;
mod postgres;
mod session;
mod sql;

use anyhow::{Context as _, Result, bail, ensure};

/// Does it so many times.
type Driver = fn(usize) -> Result<()>;

const DRIVERS: &[(&str, Driver)] = &[
    ("postgres row, no policy", |count| {
        postgres::rows(session::NOTHING, count)
    }),
    ("postgres row, 2 of 6 columns masked", |count| {
        postgres::rows(session::MASKS, count)
    }),
    ("postgres row, masks and detectors", |count| {
        postgres::rows(session::DETECTORS, count)
    }),
    ("postgres statement, simple, policy and masks", |count| {
        postgres::statements(session::MASKS, count)
    }),
    ("mysql row, no policy", |count| {
        mysql::rows(session::NOTHING, count)
    }),
    ("mysql row, 2 of 6 columns masked", |count| {
        mysql::rows(session::MASKS, count)
    }),
    ("mysql row, detectors", |count| mysql::rows(session::FOUND, count)),
    ("json body, KiB, 2 keys masked", body::masked),
    ("sql analysis, cached", sql::cached),
    ("sql analysis, another constant", sql::constants),
    ("sql analysis, not cached", sql::uncached),
    ("mysql analysis, not cached", sql::mysql),
    ("audit row, journal to parquet", audit::rows),
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for (name, _) in DRIVERS {
            println!("{name}");
        }
        return Ok(());
    };
    let count = arguments.next().context("how many?")?.parse()?;
    ensure!(count > 0, "nothing is to be done");
    let Some((_, driver)) = DRIVERS.iter().find(|(known, _)| *known == name) else {
        bail!("no driver is called {name}");
    };
    driver(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_driver_does_what_it_says() {
        for (name, driver) in DRIVERS {
            driver(300).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        }
    }
}
