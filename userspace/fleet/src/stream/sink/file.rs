//! Lines in a file, for an agent on the host that reads files.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use super::Event;
use crate::error::FleetError;

pub(crate) struct Lines {
    path: PathBuf,
    file: Option<File>,
}

impl Lines {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// The file under its name: what was moved away (by logrotate, say) is left to who moved it.
    fn current(&mut self) -> Result<&mut File, FleetError> {
        let here = std::fs::metadata(&self.path)
            .ok()
            .map(|facts| (facts.dev(), facts.ino()));
        let open = self.file.as_ref().and_then(|file| file.metadata().ok());
        if here.is_none() || here != open.map(|facts| (facts.dev(), facts.ino())) {
            let file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o640)
                .open(&self.path);
            self.file = Some(file.map_err(FleetError::io("open", &self.path))?);
        }
        self.file
            .as_mut()
            .ok_or_else(|| FleetError::Away(format!("{} is not open", self.path.display())))
    }

    pub(super) fn send(&mut self, events: &[Event]) -> Result<(), FleetError> {
        let mut lines = Vec::new();
        for event in events {
            lines.extend_from_slice(&event.body);
            lines.push(b'\n');
        }
        let path = self.path.clone();
        let file = self.current()?;
        let before = file.metadata().map_err(FleetError::io("inspect", &path))?.len();
        let written = file.write_all(&lines).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // Half a line would spoil the next one.
            let _ = file.set_len(before);
            return Err(FleetError::io("write", &path)(error));
        }
        Ok(())
    }
}
