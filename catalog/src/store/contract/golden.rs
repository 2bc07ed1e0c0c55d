//! The stored bytes of one record of each kind.
