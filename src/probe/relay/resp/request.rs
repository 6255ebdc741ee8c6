//! Requests: arrays of bulk strings, or a line of words ("inline").
//!
//! Incremental: bytes go through once, only the kept beginnings stay.

use std::time::Duration;

use bytes::Bytes;

use crate::probe::relay::protocol::{Foreign, Parsed};
use crate::probe::relay::record::{Argument, Command, KEPT_ARGUMENTS, KEPT_BYTES};

/// The longest header or inline command, as the server has it.
const MAX_LINE: usize = 64 * 1024;
/// The most arguments and the longest bulk string the server takes.
const MAX_ARGUMENTS: u64 = 1024 * 1024;
const MAX_BULK: u64 = 512 * 1024 * 1024;

#[derive(Debug, Default)]
enum Step {
    /// A line that starts a command.
    #[default]
    Start,
    /// The `$n` line of the next argument.
    Header,
    /// The inside of an argument and its line end.
    Body { left: u64 },
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    step: Step,
    line: Vec<u8>,
    /// Arguments still to come, the name among them.
    left: u64,
    /// The argument under way: its beginning and length.
    start: Vec<u8>,
    length: u64,
    named: bool,
    command: Command,
    /// A command of the program's own has been sent.
    opened: bool,
}

impl Requests {
    /// Reads up to the end of one command.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Parsed), Foreign> {
        let mut used = 0;
        while used < bytes.len() {
            let rest = &bytes[used..];
            if let Step::Body { left } = self.step {
                used += self.body(left, rest);
            } else {
                let end = rest.iter().position(|byte| *byte == b'\n');
                let taken = end.map_or(rest.len(), |end| end + 1);
                if self.line.len() + taken > MAX_LINE {
                    return Err(Foreign("a line longer than the protocol allows"));
                }
                self.line.extend_from_slice(&rest[..taken]);
                self.command.bytes += taken as u64;
                used += taken;
                if end.is_none() {
                    break;
                }
                let line = std::mem::take(&mut self.line);
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if let Some(parsed) = self.line(line)? {
                    return Ok((used, parsed));
                }
                continue;
            }
            if matches!(self.step, Step::Header) && self.left == 0 {
                return Ok((used, Parsed::Command(self.finish())));
            }
        }
        Ok((used, Parsed::Part))
    }

    /// What is known so far of a command under way.
    pub fn partial(&self) -> Command {
        let mut command = self.command.clone();
        if let Step::Body { .. } = self.step
            && self.named
            && command.args.len() < KEPT_ARGUMENTS
        {
            command
                .args
                .push(Argument { start: Bytes::copy_from_slice(&self.start), length: self.length });
        }
        classify(&mut command, self.opened);
        command
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Parsed>, Foreign> {
        if matches!(self.step, Step::Header) {
            let length = line.strip_prefix(b"$").and_then(number);
            let length = length
                .filter(|length| *length <= MAX_BULK)
                .ok_or(Foreign("an argument without a valid length"))?;
            self.length = length;
            self.start.clear();
            self.step = Step::Body { left: length + 2 };
            return Ok(None);
        }
        if let Some(count) = line.strip_prefix(b"*") {
            // Redis takes a command of no words, or fewer, for nothing.
            let digits = count.strip_prefix(b"-").unwrap_or(count);
            let negative = digits.len() < count.len();
            let count = number(digits)
                .filter(|count| *count <= MAX_ARGUMENTS)
                .ok_or(Foreign("a command without a valid number of arguments"))?;
            if negative || count == 0 {
                self.command = Command::default();
                return Ok(Some(Parsed::Nothing));
            }
            self.left = count;
            self.command.count = count - 1;
            self.step = Step::Header;
            return Ok(None);
        }
        let mut words = words(line).into_iter();
        let Some(name) = words.next() else {
            self.command = Command::default();
            return Ok(Some(Parsed::Nothing));
        };
        self.name(&name);
        for word in words {
            self.command.count += 1;
            self.keep(&word[..word.len().min(KEPT_BYTES)], word.len() as u64);
        }
        Ok(Some(Parsed::Command(self.finish())))
    }

    fn body(&mut self, left: u64, bytes: &[u8]) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let inside = usize::try_from(left.saturating_sub(2)).unwrap_or(usize::MAX).min(taken);
        let room = KEPT_BYTES - self.start.len();
        self.start.extend_from_slice(&bytes[..inside.min(room)]);
        self.command.bytes += taken as u64;
        let left = left - taken as u64;
        if left > 0 {
            self.step = Step::Body { left };
            return taken;
        }
        self.left -= 1;
        self.step = Step::Header;
        let start = std::mem::take(&mut self.start);
        if self.named {
            self.keep(&start, self.length);
        } else {
            self.name(&start);
        }
        taken
    }

    fn name(&mut self, name: &[u8]) {
        self.command.name = String::from_utf8_lossy(name).to_uppercase();
        self.named = true;
    }

    fn keep(&mut self, start: &[u8], length: u64) {
        if self.command.args.len() < KEPT_ARGUMENTS {
            let start = Bytes::copy_from_slice(start);
            self.command.args.push(Argument { start, length });
        }
    }

    fn finish(&mut self) -> Command {
        self.step = Step::Start;
        self.named = false;
        let mut command = std::mem::take(&mut self.command);
        classify(&mut command, self.opened);
        self.opened |= !command.handshake;
        command
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Marks what a client library sends of its own accord, and what may block.
fn classify(command: &mut Command, opened: bool) {
    let has =
        |word: &str| command.args.iter().any(|arg| arg.start.eq_ignore_ascii_case(word.as_bytes()));
    let first = |words: &[&str]| {
        command.args.first().is_some_and(|arg| {
            words.iter().any(|word| arg.start.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    let handshake = match command.name.as_str() {
        "HELLO" | "AUTH" | "SELECT" | "PING" => true,
        "CLIENT" if first(&["SETINFO", "SETNAME"]) => true,
        // What a library asks of a service it has just met.
        "CLIENT" | "COMMAND" | "INFO" | "MODULE" => !opened,
        _ => false,
    };
    let blocks = match command.name.as_str() {
        "BLPOP" | "BRPOP" | "BLMOVE" | "BLMPOP" | "BRPOPLPUSH" | "BZPOPMIN" | "BZPOPMAX"
        | "BZMPOP" | "WAIT" | "WAITAOF" => true,
        "XREAD" | "XREADGROUP" => has("BLOCK"),
        _ => false,
    };
    let patience_ms = if blocks { patience_ms(command) } else { None };
    command.handshake = handshake;
    command.blocks = blocks;
    command.patience_ms = patience_ms;
}

/// How long a blocking command says it waits, in milliseconds; `None` for ever.
fn patience_ms(command: &Command) -> Option<u64> {
    let seconds = |argument: Option<&Argument>| -> Option<u64> {
        let seconds: f64 = argument?.text().parse().ok()?;
        Some(Duration::try_from_secs_f64(seconds).ok()?.as_millis().try_into().unwrap_or(u64::MAX))
    };
    let milliseconds = |argument: Option<&Argument>| argument?.text().parse().ok();
    let last = command.args.last().filter(|_| command.args.len() as u64 == command.count);
    let patience = match command.name.as_str() {
        "BLMPOP" | "BZMPOP" => seconds(command.args.first()),
        "XREAD" | "XREADGROUP" => {
            let word = command.args.iter().position(|a| a.start.eq_ignore_ascii_case(b"BLOCK"));
            milliseconds(command.args.get(word? + 1))
        }
        "WAIT" | "WAITAOF" => milliseconds(last),
        _ => seconds(last),
    };
    patience.filter(|&ms| ms > 0)
}

/// The words of an inline command; quotes keep words together.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(b'"') if byte == b'\\' => {
                word.get_or_insert_default().extend(bytes.next());
            }
            None if byte == b'"' || byte == b'\'' => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            None if byte.is_ascii_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(requests: &mut Requests, mut bytes: &[u8]) -> Vec<Command> {
        let mut commands = Vec::new();
        while !bytes.is_empty() {
            let (used, parsed) = requests.feed(bytes).unwrap();
            bytes = &bytes[used..];
            if let Parsed::Command(command) = parsed {
                commands.push(command);
            }
        }
        commands
    }

    fn wire(args: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            bytes.extend(format!("${}\r\n", arg.len()).bytes());
            bytes.extend(arg);
            bytes.extend(b"\r\n");
        }
        bytes
    }

    #[test]
    fn inline_commands_and_empty_lines() {
        let commands =
            all(&mut Requests::default(), b"ping\r\n\r\n  set k \"a b\" 'c'\n*0\r\nGET k\r\n");
        let names: Vec<_> = commands.iter().map(|command| command.name.as_str()).collect();
        assert_eq!(names, ["PING", "SET", "GET"]);
        let texts: Vec<_> = commands[1].args.iter().map(Argument::text).collect();
        assert_eq!(texts, ["k", "a b", "c"]);
    }

    #[test]
    fn a_huge_argument_leaves_only_its_beginning() {
        let wire = wire(&[b"set".to_vec(), b"k".to_vec(), vec![b'x'; 3_000_000]]);
        let mut requests = Requests::default();
        assert_eq!(requests.feed(&wire[..1000]).unwrap(), (1000, Parsed::Part));
        assert_eq!(requests.partial().args[1].length, 3_000_000);
        let commands = all(&mut requests, &wire[1000..]);
        assert_eq!(commands[0].args[1].start.len(), KEPT_BYTES);
        assert_eq!(commands[0].bytes, wire.len() as u64);
    }

    #[test]
    fn what_the_server_would_refuse_is_foreign() {
        for bytes in [&b"*x\r\n"[..], b"*2\r\n:1\r\n", b"*1\r\n$-5\r\n", b"*99999999\r\n"] {
            assert!(Requests::default().feed(bytes).is_err(), "{bytes:?}");
        }
        assert!(Requests::default().feed(&vec![b'x'; MAX_LINE + 1]).is_err());
    }

    #[test]
    fn blocking_commands_say_how_long_they_wait() {
        let text = b"BLPOP a b 0.5\nBLPOP a 0\nBLMOVE a b LEFT RIGHT 2\nBLMPOP 1.25 1 a LEFT\n\
            XREADGROUP GROUP g c COUNT 1 BLOCK 300 STREAMS s >\nXREAD BLOCK 0 STREAMS s $\nGET 5\n";
        let patience: Vec<_> =
            all(&mut Requests::default(), text).iter().map(|command| command.patience_ms).collect();
        assert_eq!(patience, [Some(500), None, Some(2000), Some(1250), Some(300), None, None]);
    }

    #[test]
    fn commands_that_block_or_belong_to_the_library_are_marked() {
        let text = b"BLPOP k 0\nXREAD COUNT 1 BLOCK 0 STREAMS s $\nXREAD STREAMS s 0\nCLIENT SETINFO LIB-NAME x\nCLIENT LIST\n";
        let marks: Vec<_> = all(&mut Requests::default(), text)
            .iter()
            .map(|command| (command.blocks, command.handshake))
            .collect();
        assert_eq!(
            marks,
            [(true, false), (true, false), (false, false), (false, true), (false, false)]
        );
    }

    #[test]
    fn what_libraries_send_on_a_new_connection_is_theirs() {
        let hello = "HELLO 3\nCLIENT SETINFO LIB-NAME x\n";
        let of_libraries = [
            "CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip",
            "MODULE LIST",
            "INFO REPLICATION",
            "COMMAND",
        ];
        for line in of_libraries {
            let text = format!("{hello}{line}\nPING\nRPUSH k v\nPING\n{line}\n");
            let found = all(&mut Requests::default(), text.as_bytes());
            let marks: Vec<_> = found.iter().map(|command| command.handshake).collect();
            assert_eq!(marks, [true, true, true, true, false, true, false], "{line}");
        }
    }

    proptest! {
        #[test]
        fn commands_are_the_same_however_the_bytes_are_cut(
            args in prop::collection::vec(
                prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..20), 1..5),
            piece in 1_usize..97,
        ) {
            let bytes: Vec<u8> = args.iter().flat_map(|args| wire(args)).collect();
            let whole = all(&mut Requests::default(), &bytes);
            let mut requests = Requests::default();
            let cut: Vec<_> =
                bytes.chunks(piece).flat_map(|piece| all(&mut requests, piece)).collect();
            prop_assert_eq!(&whole, &cut);
            prop_assert_eq!(whole.len(), args.len());
            for (command, args) in whole.iter().zip(&args) {
                prop_assert_eq!(command.count + 1, args.len() as u64);
                for (kept, arg) in command.args.iter().zip(&args[1..]) {
                    prop_assert_eq!(kept.length, arg.len() as u64);
                    prop_assert_eq!(&kept.start[..], &arg[..arg.len().min(KEPT_BYTES)]);
                }
            }
        }
    }
}
