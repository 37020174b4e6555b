//! The command line, from outside.

mod check;
mod example;
mod exit;
mod support;
