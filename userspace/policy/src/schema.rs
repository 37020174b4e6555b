//! The JSON Schema of policy files.

use schemars::generate::SchemaSettings;

use crate::document::Document;

/// The JSON Schema (draft 2020-12) of a policy file, for editors and for checking files without this program.
///
/// It knows the form; that names exist and conditions make sense is for [`PolicySet::load`](crate::PolicySet::load).
pub fn schema() -> serde_json::Value {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Document>()
        .to_value()
}

#[cfg(test)]
mod tests;
