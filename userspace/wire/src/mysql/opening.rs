//! The opening: the server's greeting, the client's answer, authentication.

mod attributes;
mod authentication;
mod greeting;
mod login;

pub use self::attributes::{Attributes, AttributesIter, write_attributes};
pub use self::authentication::{
    Authentication, CACHING_SHA2_FAST_OK, CACHING_SHA2_FULL, CACHING_SHA2_PUBLIC_KEY, SHA256_PUBLIC_KEY,
    write_auth_data,
};
pub use self::greeting::{Flavour, Greeting};
pub use self::login::{Filler, Login, Opening, SslRequest};
