//! Leave for the loader to copy these types to and from maps as bytes.
#![allow(unsafe_code, reason = "aya's marker trait is unsafe to implement")]

use crate::{
    Address, Config, Event, ExecutableKey, Flow, LedgerCounts, LedgerKey, Lineage, LineageKey, Protect,
    ProtectKey, Proxy, Scope, TupleKey, UnixKey,
};

macro_rules! pod {
    ($($name:ty),+ $(,)?) => {
        $(
            // SAFETY: `repr(C)` of integers and arrays of them, valid for every bit pattern, and without padding (the
            // sizes asserted beside each type are the sums of its fields').
            unsafe impl aya::Pod for $name {}
        )+
    };
}

pod!(
    Address,
    Config,
    Event,
    ExecutableKey,
    Flow,
    LedgerCounts,
    LedgerKey,
    Lineage,
    LineageKey,
    Protect,
    ProtectKey,
    Proxy,
    Scope,
    TupleKey,
    UnixKey
);
