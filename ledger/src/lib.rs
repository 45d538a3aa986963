//! Farebox's money core.
