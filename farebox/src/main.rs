//! farebox
fn main() {}
