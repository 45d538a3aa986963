//! What calls cost: the compiled-in prices, and the commands that show and change them.

mod commands;
mod golden;
