//! JSON written as it comes: an event is never built as a tree.

use interdict_audit::Value;

/// An object that is being written.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

/// An array that is being written.
pub(super) struct Array<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

/// Writes a whole object.
pub(super) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fill(&mut Object { out, first: true });
    out.push(b'}');
}

fn text(out: &mut Vec<u8>, text: &str) {
    // Writing to a vector does not fail, and neither does text as JSON.
    let _ = serde_json::to_writer(out, text);
}

fn number(out: &mut Vec<u8>, value: i64) {
    let _ = serde_json::to_writer(out, &value);
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        text(self.out, key);
        self.out.push(b':');
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        text(self.out, value);
    }

    /// Only if there is one.
    pub(super) fn maybe(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn number(&mut self, key: &str, value: i64) {
        self.key(key);
        number(self.out, value);
    }

    pub(super) fn maybe_number(&mut self, key: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    pub(super) fn truth(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(super) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        object(self.out, fill);
    }

    pub(super) fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array<'_>)) {
        self.key(key);
        self.out.push(b'[');
        fill(&mut Array {
            out: self.out,
            first: true,
        });
        self.out.push(b']');
    }

    pub(super) fn texts<'t>(&mut self, key: &str, texts: impl IntoIterator<Item = &'t str>) {
        self.array(key, |array| texts.into_iter().for_each(|text| array.text(text)));
    }

    /// A cell as the audit's own commands print it.
    pub(super) fn cell(&mut self, key: &str, value: &Value) {
        self.key(key);
        cell(self.out, value);
    }
}

impl Array<'_> {
    fn next(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    pub(super) fn text(&mut self, value: &str) {
        self.next();
        text(self.out, value);
    }

    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.next();
        object(self.out, fill);
    }
}

fn cell(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(value) => text(out, value),
        Value::Integer(value) => number(out, *value),
        Value::List(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                cell(out, value);
            }
            out.push(b']');
        }
        Value::Map(entries) | Value::Struct(entries) => object(out, |object| {
            for (key, value) in entries {
                object.cell(key, value);
            }
        }),
        // Few and small.
        other => {
            let _ = serde_json::to_writer(out, &other.to_json());
        }
    }
}
