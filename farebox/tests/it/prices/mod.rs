//! What calls cost: the compiled-in prices, the commands that show and change them, and markups.

mod commands;
mod golden;
mod markups;
