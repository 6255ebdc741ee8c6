//! A terminal with a command on it: keys are typed, and what it prints or what stands on its screen is read.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process, setsid};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::sandbox::until;

pub struct Terminal {
    child: Child,
    /// The person's side: the keyboard and what is shown.
    front: File,
    shown: Arc<Mutex<Shown>>,
    reader: JoinHandle<()>,
    /// How much of what was printed has been read.
    read: usize,
}

struct Shown {
    printed: Vec<u8>,
    screen: vt100::Parser,
}

impl Terminal {
    /// Starts a command as the leader of a session that this terminal controls.
    pub fn open(mut command: Command, rows: u16, columns: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let front = openpt(flags).unwrap();
        grantpt(&front).unwrap();
        unlockpt(&front).unwrap();
        tcsetwinsize(&front, size(rows, columns)).unwrap();
        let back = File::from(ioctl_tiocgptpeer(&front, flags).unwrap());
        let front = File::from(front);
        command.stdin(back.try_clone().unwrap()).stdout(back.try_clone().unwrap()).stderr(back);
        // SAFETY: between fork and exec there are but two system calls, on a descriptor that is open.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                Ok(ioctl_tiocsctty(BorrowedFd::borrow_raw(0))?)
            });
        }
        let child = command.spawn().unwrap();
        // It holds the other side open, and with that the end of the output back.
        drop(command);
        let screen = vt100::Parser::new(lines(rows), lines(columns), 0);
        let shown = Arc::new(Mutex::new(Shown { printed: Vec::new(), screen }));
        let (mut output, drawn) = (front.try_clone().unwrap(), shown.clone());
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut shown = drawn.lock().unwrap();
                shown.printed.extend_from_slice(&bytes[..count]);
                shown.screen.process(&bytes[..count]);
            }
        });
        Self { child, front, shown, reader, read: 0 }
    }

    /// What stands on the screen.
    pub fn text(&self) -> String {
        self.shown.lock().unwrap().screen.screen().contents()
    }

    /// Waits until this stands on the screen.
    pub fn sees(&self, text: &str) {
        until(&format!("{text:?} stands on the screen"), || {
            let over = self.is_over();
            let there = self.text().contains(text);
            assert!(there || !over, "it ended, and there is no {text:?} on\n{}", self.text());
            there
        });
    }

    /// Waits until this is printed, after what was read before.
    pub fn reads(&mut self, text: &str) {
        let mut found = None;
        until(&format!("{text:?} is printed after {:?}", self.rest()), || {
            let over = self.is_over();
            let rest = &self.shown.lock().unwrap().printed[self.read..];
            found = rest.windows(text.len()).position(|part| part == text.as_bytes());
            assert!(found.is_some() || !over, "no {text:?} in {:?}", String::from_utf8_lossy(rest));
            found.is_some()
        });
        self.read += found.unwrap_or_default() + text.len();
    }

    /// Everything that was printed.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap().printed).into_owned()
    }

    fn rest(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap().printed[self.read..]).into_owned()
    }

    /// Nothing more is printed.
    fn is_over(&self) -> bool {
        self.reader.is_finished()
    }

    pub fn types(&mut self, keys: &str) {
        self.front.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line and presses Enter.
    pub fn enters(&mut self, line: &str) {
        self.types(&format!("{line}\r"));
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        self.shown.lock().unwrap().screen.screen_mut().set_size(lines(rows), lines(columns));
        tcsetwinsize(&self.front, size(rows, columns)).unwrap();
    }

    /// Whether lines are edited by the terminal, as at a shell's prompt.
    pub fn is_cooked(&self) -> bool {
        tcgetattr(&self.front).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit code, after everything that is still printed.
    pub fn end(&mut self) -> i32 {
        let mut status = None;
        until(&format!("it ends after {:?}", self.rest()), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        until("nobody holds the terminal any more", || self.is_over());
        status.and_then(|status| status.code()).unwrap_or(-1)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// So many lines or columns.
fn lines(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}
