//! What a downloaded file is called and taken for.

use std::path::Path;

use http::HeaderValue;

/// Types by extension, for what browsers and tools treat specially.
const KNOWN: [(&str, &str); 28] = [
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xml", "text/xml; charset=utf-8"),
    ("zip", "application/zip"),
];

/// The type by the file's extension, else by whether it begins like text.
pub(super) fn of(path: &Path, beginning: &[u8]) -> HeaderValue {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let known = KNOWN.iter().find(|(known, _)| extension == *known);
    HeaderValue::from_static(match known {
        Some((_, kind)) => kind,
        None if is_text(beginning) => "text/plain; charset=utf-8",
        None => "application/octet-stream",
    })
}

/// UTF-8 without control characters; the last character may be cut off.
fn is_text(beginning: &[u8]) -> bool {
    let text = match str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.contains(|letter: char| {
        letter.is_ascii_control() && !matches!(letter, '\t' | '\n' | '\r' | '\x0c' | '\x1b')
    })
}

/// `Content-Disposition`: shown in place, saved under the file's name. A name that is not plain is written as RFC 8187.
pub(super) fn disposition(path: &Path) -> HeaderValue {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(byte);
    let is_plain = |byte: &u8| (0x20..0x7f).contains(byte) && !b"\"\\".contains(byte);
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let value = if name.iter().all(is_token) && !name.is_empty() {
        format!("inline; filename={}", text(name))
    } else if name.iter().all(is_plain) {
        format!("inline; filename=\"{}\"", text(name))
    } else {
        let encoded: String = name
            .iter()
            .map(|byte| {
                if is_token(byte) {
                    char::from(*byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect();
        format!("inline; filename*=utf-8''{encoded}")
    };
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("inline"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_and_else_the_beginning() {
        let of = |path: &str, beginning: &[u8]| of(Path::new(path), beginning);
        assert_eq!(of("/a/b.PNG", b"text"), "image/png");
        assert_eq!(of("/a/b", b"text\n"), "text/plain; charset=utf-8");
        assert_eq!(of("/a/b", b""), "text/plain; charset=utf-8");
        assert_eq!(
            of("/a/b", "cut \u{e4}".as_bytes().split_last().unwrap().1),
            "text/plain; charset=utf-8"
        );
        assert_eq!(of("/a/b.bin", b"\x7fELF\0"), "application/octet-stream");
        assert_eq!(of("/a/b", b"\xff\xfe"), "application/octet-stream");
    }

    #[test]
    fn names_survive_the_header() {
        let of = |path: &str| disposition(Path::new(path));
        assert_eq!(of("/a/b.txt"), "inline; filename=b.txt");
        assert_eq!(of("/a/b c.txt"), "inline; filename=\"b c.txt\"");
        assert_eq!(of("/a/\u{e4}.txt"), "inline; filename*=utf-8''%C3%A4.txt");
        assert_eq!(of("/a/x\n\"y"), "inline; filename*=utf-8''x%0A%22y");
    }
}
