//! Laws that only the whole system can hold.

mod law_11;
mod law_12;
