//! The query of `/files`.

use super::refusal::Refusal;

/// What a client asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// As it was asked for: the signature is over these characters.
    pub(super) path: Option<String>,
    /// Whom to act as; the signature is over the empty text when there is none.
    pub(super) username: Option<String>,
    pub(super) signature: Option<String>,
    /// Seconds since 1970.
    pub(super) expiration: Option<i64>,
}

impl Query {
    /// Reads the query; unknown parameters are passed over, and of one that is there twice the first counts.
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut parsed = Self::default();
        let mut expiration = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "path" => &mut parsed.path,
                "username" => &mut parsed.username,
                "signature" => &mut parsed.signature,
                "signature_expiration" => &mut expiration,
                _ => continue,
            };
            place.get_or_insert_with(|| value.into_owned());
        }
        parsed.username = parsed.username.filter(|name| !name.is_empty());
        if let Some(text) = expiration {
            let seconds = text.parse().map_err(|_| {
                Refusal::Invalid(format!(
                    "signature_expiration {text:?} is not a number of seconds"
                ))
            })?;
            parsed.expiration = Some(seconds);
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_the_first_counts() {
        let query = Query::parse(
            "path=%2Ftmp%2Fa%20b+c&path=/other&username=user&signature=v1_a%2Bb%2F&signature_expiration=12&x=y",
        )
        .unwrap();
        assert_eq!(query.path.as_deref(), Some("/tmp/a b c"));
        assert_eq!(query.username.as_deref(), Some("user"));
        assert_eq!(query.signature.as_deref(), Some("v1_a+b/"));
        assert_eq!(query.expiration, Some(12));
        assert_eq!(Query::parse("username=").unwrap(), Query::default());
    }

    #[test]
    fn an_expiration_is_a_number() {
        for wrong in ["", "soon", "1e9", "99999999999999999999"] {
            let query = format!("signature_expiration={wrong}");
            assert!(Query::parse(&query).is_err(), "{wrong:?}");
        }
        assert_eq!(
            Query::parse("signature_expiration=-5").unwrap().expiration,
            Some(-5)
        );
    }
}
