//! Logging: to standard error, filtered by `INTERDICT_LOG` (`info`, `interdict_proxy=debug,warn`, …).

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Sets logging up, `default` applying where `INTERDICT_LOG` says nothing. A filter that cannot be read is an error: an
/// operator who asks for a log should get it.
pub(crate) fn start(default: LevelFilter) -> anyhow::Result<()> {
    let filter = match std::env::var("INTERDICT_LOG") {
        Ok(directives) => EnvFilter::builder()
            .with_default_directive(default.into())
            .parse(&directives)
            .map_err(|error| anyhow::anyhow!("INTERDICT_LOG: {error}"))?,
        Err(_) => EnvFilter::default().add_directive(default.into()),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}
