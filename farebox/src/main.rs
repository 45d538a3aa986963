//! Farebox.
fn main() {}
