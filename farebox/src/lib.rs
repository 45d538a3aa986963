//! farebox
