use crate::WireError;
use crate::postgres::read::{byte, whole};

const MESSAGE: &str = "ReadyForQuery";

/// Where the session stands in its transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransactionStatus {
    /// No transaction block is open; `I`.
    #[default]
    Idle,
    /// In a transaction block; `T`.
    InTransaction,
    /// In a transaction block that only ROLLBACK can leave; `E`.
    Failed,
}

impl TransactionStatus {
    /// Reads the body of a ReadyForQuery.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        match whole(MESSAGE, body, byte("transaction status"))? {
            b'I' => Ok(Self::Idle),
            b'T' => Ok(Self::InTransaction),
            b'E' => Ok(Self::Failed),
            _ => Err(WireError::Invalid {
                message: MESSAGE,
                field: "transaction status",
            }),
        }
    }

    /// The byte that goes over the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InTransaction => b'T',
            Self::Failed => b'E',
        }
    }
}
