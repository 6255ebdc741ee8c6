//! The prompt loop of `labs run` in a terminal.

pub mod shell;

use std::io::Write;

use console::style;

use crate::catalog::lab::{Lab, Task};
use crate::cli_text;
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::report::text::{self, Detail};
use crate::session::Session;
use crate::session::plan::WORKBENCH;
use crate::store::SeatRow;
use crate::term;
use crate::verdict::Verdict;
