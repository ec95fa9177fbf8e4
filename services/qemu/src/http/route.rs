//! From method, path and body to a request.

use crate::{machine::Fault, requests::Request};
use hyper::Method;
use serde::de::DeserializeOwned;

/// Reads a request. Which paths exist is decided before the body is looked at.
pub(super) fn parse(method: &Method, path: &str, body: &[u8]) -> Result<Request, Fault> {
    let unknown = || Fault::UnknownPath {
        method: method.to_string(),
        path: path.to_owned(),
    };
    let segments: Vec<&str> = path.trim_start_matches('/').split_terminator('/').collect();
    match method.as_str() {
        "GET" if !body.is_empty() => Err(Fault::UnexpectedBody {
            method: method.to_string(),
        }),
        "GET" => get(&segments).ok_or_else(unknown),
        "PUT" | "PATCH" if body.is_empty() => Err(Fault::MissingBody {
            method: method.to_string(),
        }),
        "PUT" => put(&segments, body).unwrap_or_else(|| Err(unknown())),
        "PATCH" => patch(&segments, body).unwrap_or_else(|| Err(unknown())),
        _ => Err(unknown()),
    }
}

fn get(segments: &[&str]) -> Option<Request> {
    match segments {
        [] => Some(Request::Describe),
        ["version"] => Some(Request::Version),
        ["machine-config"] => Some(Request::GetMachineConfig),
        ["vm", "config"] => Some(Request::VmConfig),
        ["mmds"] => Some(Request::GetMmds),
        _ => None,
    }
}

fn put(segments: &[&str], body: &[u8]) -> Option<Result<Request, Fault>> {
    Some(match segments {
        ["machine-config"] => json(body).map(Request::PutMachineConfig),
        ["boot-source"] => json(body).map(Request::PutBootSource),
        ["drives", id] => {
            with_id(id, body, |drive: &roost_engine::api::Drive| &drive.drive_id).map(Request::PutDrive)
        }
        ["network-interfaces", id] => with_id(id, body, |interface: &roost_engine::api::NetworkInterface| {
            &interface.iface_id
        })
        .map(Request::PutNetworkInterface),
        ["entropy"] => json(body).map(Request::PutEntropy),
        ["serial"] => json(body).map(Request::PutSerial),
        ["mmds"] => json(body).map(Request::PutMmds),
        ["mmds", "config"] => json(body).map(Request::PutMmdsConfig),
        ["actions"] => json(body).map(Request::Act),
        ["snapshot", "create"] => json(body).map(Request::CreateSnapshot),
        ["snapshot", "load"] => json(body).map(Request::LoadSnapshot),
        _ => return None,
    })
}

fn patch(segments: &[&str], body: &[u8]) -> Option<Result<Request, Fault>> {
    Some(match segments {
        ["machine-config"] => json(body).map(Request::PatchMachineConfig),
        ["mmds"] => json(body).map(Request::PatchMmds),
        ["vm"] => json(body).map(Request::PatchVm),
        _ => return None,
    })
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::Json {
        reason: error.to_string(),
    })
}

/// A body that repeats the id of its path.
fn with_id<T: DeserializeOwned>(path: &str, body: &[u8], id: impl Fn(&T) -> &String) -> Result<T, Fault> {
    if !path.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
        return Err(Fault::InvalidId { id: path.to_owned() });
    }
    let value: T = json(body)?;
    if id(&value) != path {
        return Err(Fault::IdMismatch {
            path: path.to_owned(),
            body: id(&value).clone(),
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_lead_to_requests() {
        assert_eq!(parse(&Method::GET, "/", b""), Ok(Request::Describe));
        assert_eq!(parse(&Method::GET, "/vm/config", b""), Ok(Request::VmConfig));
        let body = br#"{"drive_id":"d","is_root_device":false,"path_on_host":"/d"}"#;
        assert!(matches!(
            parse(&Method::PUT, "/drives/d", body),
            Ok(Request::PutDrive(_))
        ));
    }

    #[test]
    fn what_does_not_fit_is_a_fault() {
        let drive = br#"{"drive_id":"d","is_root_device":false}"#;
        for (method, path, body) in [
            (Method::GET, "/nothing", &b""[..]),
            (Method::GET, "/version", b"{}"),
            (Method::DELETE, "/", b""),
            (Method::PUT, "/boot-source", b""),
            (Method::PUT, "/boot-source", b"{"),
            (
                Method::PUT,
                "/boot-source",
                br#"{"kernel_image_path":"/k","extra":1}"#,
            ),
            (Method::PUT, "/drives/other", drive),
            (Method::PUT, "/drives/a-b", drive),
            (Method::PUT, "/drives", drive),
            (Method::PATCH, "/vm", br#"{"state":"Stopped"}"#),
        ] {
            assert!(parse(&method, path, body).is_err(), "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(path in "/[a-z/-]{0,30}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for method in [Method::GET, Method::PUT, Method::PATCH] {
                let _ = parse(&method, &path, &body);
            }
        }
    }
}
