//! Commands that say what a statement could say too: they are judged and recorded as that statement.

use interdict_wire::mysql::command::Command;

/// The statement that a command stands for; `None` if it is none, or carries its own.
pub(super) fn spelled(command: &Command<'_>) -> Option<String> {
    Some(match command {
        Command::InitDb(database) => format!("USE {}", quoted(database)),
        Command::FieldList { table, wildcard: [] } => {
            format!("SHOW COLUMNS FROM {}", quoted(table))
        }
        Command::FieldList { table, wildcard } => {
            let pattern = String::from_utf8_lossy(wildcard)
                .replace('\'', "''")
                .replace('\\', "");
            format!("SHOW COLUMNS FROM {} LIKE '{pattern}'", quoted(table))
        }
        Command::CreateDb(database) => format!("CREATE DATABASE {}", quoted(database)),
        Command::DropDb(database) => format!("DROP DATABASE {}", quoted(database)),
        Command::Refresh(_) => "FLUSH PRIVILEGES, TABLES, STATUS".to_owned(),
        Command::Shutdown => "SHUTDOWN".to_owned(),
        Command::ProcessInfo => "SHOW PROCESSLIST".to_owned(),
        Command::ProcessKill(connection) => format!("KILL {connection}"),
        _ => return None,
    })
}

fn quoted(name: &[u8]) -> String {
    format!("`{}`", String::from_utf8_lossy(name).replace('`', "``"))
}
