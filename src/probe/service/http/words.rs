//! What an HTTP server can be asked, as words: method, path or `https://` URL, headers as `Name: value`, a body as `@text` or
//! as the word after a lone `@`. No headers are `ca=PEM` and `tls=VERSION`.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Uri};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request as Opening;

use super::tls::{Tls, Version};
use super::{PORT, TLS_PORT};
use crate::error::{Error, Result};
use crate::term::escape::in_one_line;
use crate::term::shell_line;

/// The method that opens a WebSocket and says the body.
pub const WEBSOCKET: &str = "WS";
/// The method that sends the body as it is, and nothing else.
pub const RAW: &str = "RAW";
const TLS: &str = "https://";

/// A question.
pub struct Asked<'a> {
    pub method: &'a str,
    /// Path and query; nothing where bytes are sent as they are.
    path: String,
    headers: HeaderMap,
    pub body: &'a str,
    /// How TLS is spoken, where it is.
    pub tls: Option<Tls>,
}

/// What a word means that comes after method and path.
enum Word<'a> {
    Header(&'a str),
    Body(&'a str),
    Ca(&'a str),
    Version(&'a str),
}

impl<'a> Word<'a> {
    fn all(words: &[&'a str]) -> Vec<Self> {
        let (mut all, mut rest) = (Vec::new(), words.iter());
        while let Some(word) = rest.next() {
            all.push(if let Some(text) = word.strip_prefix('@') {
                let text =
                    if text.is_empty() { rest.next().copied().unwrap_or_default() } else { text };
                Self::Body(text)
            } else if let Some(pem) = word.strip_prefix("ca=") {
                Self::Ca(pem)
            } else if let Some(version) = word.strip_prefix("tls=") {
                Self::Version(version)
            } else {
                Self::Header(word)
            });
        }
        all
    }
}

/// Method, place and the rest; bytes that are sent as they are need no place.
fn parted<'w, 'a>(words: &'w [&'a str]) -> Option<(&'a str, &'a str, &'w [&'a str])> {
    match words {
        [RAW, place, rest @ ..] if place.starts_with(TLS) => Some((RAW, place, rest)),
        [RAW, rest @ ..] => Some((RAW, "", rest)),
        [method, place, rest @ ..] => Some((method, place, rest)),
        _ => None,
    }
}

impl<'a> Asked<'a> {
    /// # Errors
    /// The words are no question; says which are.
    pub fn of(words: &[&'a str]) -> Result<Self> {
        let wrong = |what: String| {
            Error::usage(what)
                .help("send a method, a path, headers as \"Name: value\", a body as \"@text\"")
        };
        let Some((method, place, rest)) = parted(words) else {
            return Err(wrong("A request has a method and a path".to_owned()));
        };
        let (mut headers, mut body) = (HeaderMap::new(), "");
        let (mut ca, mut version) = (None, None);
        for word in Word::all(rest) {
            match word {
                Word::Body(text) => body = text,
                Word::Ca(pem) => ca = Some(pem),
                Word::Version(text) => version = Some(Version::of(text)?),
                Word::Header(word) => {
                    let header = word.split_once(": ").and_then(|(name, value)| {
                        let name = HeaderName::try_from(name).ok()?;
                        Some((name, HeaderValue::try_from(value).ok()?))
                    });
                    let (name, value) =
                        header.ok_or_else(|| wrong(format!("{word:?} is no header")))?;
                    headers.append(name, value);
                }
            }
        }
        if method == RAW && (body.is_empty() || !headers.is_empty()) {
            return Err(Error::usage("RAW sends the body alone, as it is").help(
                "send [RAW, \"@GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"], headers and all",
            ));
        }
        let (tls, path) = if place.starts_with(TLS) {
            let (host, path) = taken_apart(place)?;
            (Some(Tls::of(&host, ca, version)?), path)
        } else if ca.is_some() || version.is_some() {
            return Err(Error::usage("ca= and tls= are said where TLS is not spoken")
                .help("ask for a whole URL: https://HOST/PATH"));
        } else {
            (None, place.to_owned())
        };
        if method.contains(|c: char| c.is_ascii_lowercase()) {
            return Err(wrong(format!("{method:?} is no method: they are in capitals")));
        }
        if method != RAW && !path.starts_with('/') && path != "*" {
            return Err(wrong(format!("{place:?} is neither a path nor a URL with https://")));
        }
        let asked = Self { method, path, headers, body, tls };
        match method {
            RAW => {}
            WEBSOCKET => drop(asked.opening()?),
            _ => drop(asked.request()?),
        }
        Ok(asked)
    }

    fn host(&self) -> String {
        let said = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        let meant = || self.tls.as_ref().map_or("localhost", |tls| &tls.host);
        said.unwrap_or_else(meant).to_owned()
    }

    /// As a request with a body.
    ///
    /// # Errors
    /// No request can have such a method or path.
    pub fn request(&self) -> Result<Request<Full<Bytes>>> {
        let unfit = |why: &dyn std::fmt::Display| {
            Error::usage("A request cannot be sent")
                .because(why)
                .help("RAW sends what is no request, too")
        };
        let host = HeaderValue::try_from(self.host()).map_err(|why| unfit(&why))?;
        let mut request = Request::builder().method(self.method).uri(&self.path);
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.headers.clone());
            headers.entry(HOST).or_insert(host);
        }
        request.body(Full::new(Bytes::from(self.body.to_owned()))).map_err(|why| unfit(&why))
    }

    /// As a request that opens a WebSocket.
    ///
    /// # Errors
    /// No request can have such a path.
    pub fn opening(&self) -> Result<Opening> {
        let mut request = format!("ws://{}{}", self.host(), self.path)
            .into_client_request()
            .map_err(|why| Error::usage("A WebSocket cannot be opened").because(why))?;
        for (name, value) in self.headers.iter().filter(|(name, _)| **name != HOST) {
            request.headers_mut().append(name, value.clone());
        }
        Ok(request)
    }
}

/// Host, and path with query, of a URL.
fn taken_apart(url: &str) -> Result<(String, String)> {
    let wrong = |why: String| {
        Error::usage(format!("{url:?} cannot be asked for"))
            .because(why)
            .help("name host and path: https://HOST/PATH; the port is the service's own")
    };
    let uri = Uri::try_from(url).map_err(|why| wrong(why.to_string()))?;
    let host = uri.host().unwrap_or_default();
    if uri.authority().is_none_or(|whole| whole.as_str() != host) {
        return Err(wrong("it says more than a host where the host stands".to_owned()));
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok((host.to_owned(), path.to_owned()))
}

/// The line by which a learner asks the same of a service.
pub fn line(name: &str, words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((method, place, rest)) = parted(&words) else { return String::new() };
    let host = taken_apart(place).ok().filter(|_| place.starts_with(TLS)).map(|(host, _)| host);
    let (mut ca, mut version, mut told, mut body) = (false, None, Vec::new(), "");
    for word in Word::all(rest) {
        match word {
            Word::Header(header) => told.extend(["-H", header]),
            Word::Body(text) => {
                told.extend(["--data-raw", text]);
                body = text;
            }
            Word::Ca(_) => ca = true,
            Word::Version(text) => version = Version::of(text).ok(),
        }
    }
    if method == RAW {
        let speak = match &host {
            // A shell's own way, since there is no nc.
            None => format!(
                "exec 3<>/dev/tcp/{name}/{PORT} && printf %b \"$0\" >&3 && timeout 10 cat <&3"
            ),
            Some(host) => {
                let version = version.map_or("", Version::of_openssl);
                let trust = if ca { " -CAfile ca.pem" } else { "" };
                format!(
                    "printf %b \"$0\" | timeout 10 openssl s_client -quiet{version}{trust} \
                     -connect {name}:{TLS_PORT} -servername {host}"
                )
            }
        };
        return shell_line(&["bash".to_owned(), "-c".to_owned(), speak, in_one_line(body)]);
    }
    let mut line = vec!["curl", "-i", "-X", method];
    let at = match &host {
        None => format!("http://{name}:{PORT}{place}"),
        Some(_) => place.to_owned(),
    };
    let instead = host.map(|host| format!("{host}:443:{name}:{TLS_PORT}"));
    if let Some(instead) = &instead {
        line.extend(["--connect-to", instead]);
        line.extend(if ca { &["--cacert", "ca.pem"][..] } else { &["-k"] });
        line.extend(version.map_or(&[][..], Version::of_curl));
    }
    line.extend(told);
    line.push(&at);
    shell_line(&line.into_iter().map(str::to_owned).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> String {
        super::line("front", &words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    fn wrong(words: &[&str]) -> Error {
        Asked::of(words).err().unwrap_or_else(|| panic!("{words:?} are a question"))
    }

    #[test]
    fn words_are_a_request() {
        let asked = Asked::of(&["POST", "/x?y=1", "Host: shop.test", "@a: b"]).unwrap();
        assert_eq!((asked.method, &*asked.path, asked.body), ("POST", "/x?y=1", "a: b"));
        assert_eq!(asked.request().unwrap().headers()["host"], "shop.test");
        assert_eq!(Asked::of(&["PUT", "/", "@", "$x: y"]).unwrap().body, "$x: y");
        for words in
            [&["GET"][..], &["GET", "/", "no header"], &["GET", "/", "a b: c"], &["G T", "/"]]
        {
            wrong(words);
        }
        for words in [["ws", "/"], ["Get", "/"]] {
            assert!(wrong(&words).what.contains("in capitals"), "{words:?}");
        }
        for words in [["GET", "a"], ["WS", "a"], ["GET", ""], ["GET", "HTTPS://shop.test/"]] {
            assert!(wrong(&words).what.contains("neither a path"), "{words:?}");
        }
        assert!(wrong(&["raw", "@x"]).what.contains("in capitals"));
    }

    #[test]
    fn a_whole_url_is_asked_for_over_tls() {
        let asked = Asked::of(&["GET", "https://shop.test/a?b=c"]).unwrap();
        let request = asked.request().unwrap();
        assert_eq!(request.uri(), "/a?b=c");
        assert_eq!(request.headers()["host"], "shop.test");
        let asked = Asked::of(&["GET", "https://shop.test", "Host: other.test"]).unwrap();
        let request = asked.request().unwrap();
        assert_eq!(
            (request.uri().path(), &request.headers()["host"]),
            ("/", &"other.test".parse().unwrap())
        );
        assert_eq!(asked.tls.unwrap().host, "shop.test");

        for url in ["https://", "https://shop.test:8443/", "https://a@shop.test/", "https://a_b c/"]
        {
            wrong(&["GET", url]);
        }
        assert!(wrong(&["GET", "/", "tls=1.3"]).help.unwrap().contains("https://"));
        assert!(wrong(&["GET", "https://a/", "tls=1.1"]).what.contains("1.1"));
        assert!(wrong(&["GET", "https://a/", "ca=ca.pem"]).what.contains("ca="));
    }

    #[test]
    fn raw_is_sent_alone() {
        assert_eq!(Asked::of(&["RAW", "@GET /\r\n"]).unwrap().body, "GET /\r\n");
        let asked = Asked::of(&["RAW", "https://shop.test", "@", "x"]).unwrap();
        assert_eq!((asked.body, asked.tls.unwrap().host), ("x", "shop.test".to_owned()));
        for words in [&["RAW"][..], &["RAW", "/"], &["RAW", "Host: a", "@x"], &["RAW", "/", "@x"]] {
            assert!(wrong(words).help.unwrap().contains("RAW") || words[1] == "/");
        }
    }

    #[test]
    fn a_learner_asks_the_same_with_curl() {
        assert_eq!(
            line(&["POST", "/a", "Host: shop.test", "@x"]),
            "curl -i -X POST -H 'Host: shop.test' --data-raw x http://front:8080/a"
        );
        assert_eq!(
            line(&["GET", "https://shop.test/a", "Accept: x"]),
            "curl -i -X GET --connect-to shop.test:443:front:8443 -k -H 'Accept: x' https://shop.test/a"
        );
        assert_eq!(
            line(&["GET", "https://shop.test/", "ca=PEM", "tls=1.2"]),
            "curl -i -X GET --connect-to shop.test:443:front:8443 --cacert ca.pem --tlsv1.2 --tls-max 1.2 https://shop.test/"
        );
    }

    #[test]
    fn a_learner_sends_the_same_bytes_with_bash() {
        assert_eq!(
            line(&["RAW", "@GET /\\ HTTP/1.1\r\n\r\n"]),
            r#"bash -c 'exec 3<>/dev/tcp/front/8080 && printf %b "$0" >&3 && timeout 10 cat <&3' 'GET /\\ HTTP/1.1\r\n\r\n'"#
        );
        assert_eq!(
            line(&["RAW", "https://shop.test", "@x", "tls=1.3"]),
            r#"bash -c 'printf %b "$0" | timeout 10 openssl s_client -quiet -tls1_3 -connect front:8443 -servername shop.test' x"#
        );
    }
}
