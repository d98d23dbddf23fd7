//! Tables for `decide`: one observation per row, and what follows from it. Properties and a small model of Azure besides.

mod change_point;
mod decisions;
mod ends;
mod fixture;
mod generate;
mod jobs;
mod look_back;
mod points;
mod properties;
mod reprotect;
mod shows;
mod told;
mod unknown;
mod verbs;
mod waits;
