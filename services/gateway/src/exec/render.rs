//! Output as JSON carries it: text if both channels are text, else base64 for both.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::collect::Kept;
use crate::dto::exec::Encoding;

/// Both channels as strings, and how to read them.
pub(crate) fn render(stdout: Kept, stderr: Kept) -> (String, String, Encoding) {
    match (text(stdout), text(stderr)) {
        (Ok(stdout), Ok(stderr)) => (stdout, stderr, Encoding::Utf8),
        (stdout, stderr) => {
            let base64 = |channel: Result<String, Vec<u8>>| match channel {
                Ok(text) => STANDARD.encode(text),
                Err(bytes) => STANDARD.encode(bytes),
            };
            (base64(stdout), base64(stderr), Encoding::Base64)
        }
    }
}

/// The channel as text. A character that was cut where keeping stopped is dropped; it was counted.
fn text(kept: Kept) -> Result<String, Vec<u8>> {
    let cut = kept.is_cut();
    String::from_utf8(kept.bytes).or_else(|error| {
        let valid = error.utf8_error().valid_up_to();
        let only_cut = cut && error.utf8_error().error_len().is_none();
        let mut bytes = error.into_bytes();
        if !only_cut {
            return Err(bytes);
        }
        bytes.truncate(valid);
        String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: &[u8], written: usize) -> Kept {
        Kept {
            bytes: bytes.to_vec(),
            written: written as u64,
        }
    }

    #[test]
    fn bytes_that_are_no_text_make_both_base64() {
        let (stdout, stderr, encoding) = render(kept(b"\xff\x00", 2), kept(b"ok", 2));
        assert_eq!(
            (stdout.as_str(), stderr.as_str(), encoding),
            ("/wA=", "b2s=", Encoding::Base64)
        );
    }

    #[test]
    fn a_character_cut_by_us_is_dropped_and_one_cut_by_the_program_is_not_text() {
        let euro = "a€".as_bytes();
        let (stdout, _, encoding) = render(kept(&euro[..3], 9), kept(b"", 0));
        assert_eq!((stdout.as_str(), encoding), ("a", Encoding::Utf8));
        let (_, _, encoding) = render(kept(&euro[..3], 3), kept(b"", 0));
        assert_eq!(encoding, Encoding::Base64);
    }
}
