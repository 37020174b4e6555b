//! What the kernel's numbers stand for.

use std::collections::HashMap;

use anyhow::bail;
use interdict_kernel::stable_id;

use super::canary;
use crate::settings::Settings;

/// Names of services and workloads by their numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    services: HashMap<u32, (usize, String)>,
    workloads: HashMap<u32, String>,
}

impl Numbers {
    /// Of everything in the settings.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let mut numbers = Self::default();
        for (index, service) in settings.services.iter().enumerate() {
            let number = stable_id(&service.name);
            let before = numbers.services.insert(number, (index, service.name.clone()));
            if let Some((_, other)) = before {
                bail!(
                    "the services {other} and {} have the same number by chance: rename one",
                    service.name
                );
            }
            if canary::is(number) {
                bail!(
                    "the service {} has a number of interdict's own by chance: rename it",
                    service.name
                );
            }
        }
        for workload in &settings.workloads {
            numbers
                .workloads
                .insert(stable_id(&workload.name), workload.name.clone());
        }
        Ok(numbers)
    }

    /// A service's place in the settings.
    pub(super) fn index(&self, service: u32) -> Option<usize> {
        self.services.get(&service).map(|(index, _)| *index)
    }

    /// A service's name; of one that the settings no longer have, its number.
    pub(super) fn service(&self, number: u32) -> String {
        match self.services.get(&number) {
            Some((_, name)) => name.clone(),
            None if number == 0 => "-".to_owned(),
            None => number.to_string(),
        }
    }

    /// A workload's name; of one that the settings no longer have, its number.
    pub(super) fn workload(&self, number: u32) -> String {
        match self.workloads.get(&number) {
            Some(name) => name.clone(),
            None if number == 0 => "-".to_owned(),
            None => number.to_string(),
        }
    }

    /// A workload's name, if the settings have it.
    pub(super) fn known_workload(&self, number: u32) -> Option<String> {
        self.workloads.get(&number).cloned()
    }
}
