//! The command line, from outside.

mod check;
mod doctor;
mod example;
mod exit;
mod policy;
mod record;
mod support;
