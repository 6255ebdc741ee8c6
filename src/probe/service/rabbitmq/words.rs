//! What can be asked of RabbitMQ, as words.

use hyper::Method;

/// One question or order.
#[derive(Debug, PartialEq)]
pub enum Words<'a> {
    /// What a queue is and what is in it, without taking anything.
    Queue(&'a str),
    /// A request to the management, at a path below `/api`.
    Manage(Method, &'a str, Option<&'a str>),
    /// A persistent message for an exchange, with a routing key.
    Publish(&'a str, &'a str, &'a str),
    /// Takes all messages, and waits a while until at least so many have come.
    Drain(&'a str, usize),
    /// Takes a message and gives it back as failed, so many times.
    Fail(&'a str, usize),
    /// Waits until definitions are on disk, which nobody is told otherwise.
    Settle,
}

impl<'a> Words<'a> {
    /// # Errors
    /// There are no such words; says which there are.
    pub fn read(words: &[&'a str]) -> Result<Self, String> {
        let count = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
        Ok(match *words {
            ["queue", name] => Self::Queue(name),
            ["publish", exchange, key, text] => Self::Publish(exchange, key, text),
            ["drain", queue] => Self::Drain(queue, 0),
            ["drain", queue, least] => Self::Drain(queue, count(least)?),
            ["fail", queue, times] => Self::Fail(queue, count(times)?),
            ["settle"] => Self::Settle,
            ["GET", path] => Self::Manage(Method::GET, path, None),
            ["DELETE", path] => Self::Manage(Method::DELETE, path, None),
            ["PUT", path] => Self::Manage(Method::PUT, path, None),
            ["PUT", path, body] => Self::Manage(Method::PUT, path, Some(body)),
            ["POST", path, body] => Self::Manage(Method::POST, path, Some(body)),
            _ => {
                return Err("RabbitMQ is asked: queue NAME, publish EXCHANGE KEY TEXT, \
                            drain QUEUE [COUNT], fail QUEUE TIMES, settle, GET|PUT|POST|DELETE PATH [JSON]"
                    .to_owned());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_told() {
        assert_eq!(Words::read(&["queue", "a"]), Ok(Words::Queue("a")));
        assert_eq!(Words::read(&["drain", "a", "2"]), Ok(Words::Drain("a", 2)));
        assert_eq!(
            Words::read(&["GET", "/vhosts"]),
            Ok(Words::Manage(Method::GET, "/vhosts", None))
        );
        assert!(Words::read(&["drain", "a", "b"]).unwrap_err().contains("no number"));
        assert!(Words::read(&["LLEN", "a"]).unwrap_err().contains("queue NAME"));
    }
}
