//! `/init`: token, defaults, clock.

use connectrpc::ErrorCode;
use connectrpc::client::CallOptions;
use http::StatusCode;
use roost_schemas::envd::ACCESS_TOKEN_HEADER;

use crate::agent::{Codec, bash, is_healthy, post, run, run_with, send};
use crate::vm::Vm;

const JSON: &str = "application/json";

#[tokio::test]
async fn settings_apply_to_later_commands_and_the_token_guards_them() {
    let vm = Vm::boot().await;
    let first =
        br#"{"accessToken":"secret","envVars":{"COLOUR":"blue"},"defaultUser":"user","defaultWorkdir":"/tmp",
        "timestamp":"2031-05-06T07:08:09Z"}"#;
    assert_eq!(
        send(post(vm.agent(), "/init", JSON, first)).await.0,
        StatusCode::NO_CONTENT
    );

    let error = run(vm.agent(), bash("true")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthenticated);
    assert!(is_healthy(vm.agent()).await);

    let admitted = || CallOptions::default().with_header(ACCESS_TOKEN_HEADER, "secret");
    let request = bash("id -un; pwd; echo $COLOUR; date -u +%Y-%m-%dT%H");
    let outcome = run_with(vm.agent(), Codec::Json, request, admitted())
        .await
        .unwrap();
    assert_eq!(outcome.text(), "user\n/tmp\nblue\n2031-05-06T07");

    let older = br#"{"accessToken":"stolen","timestamp":"2031-05-06T07:08:08Z"}"#;
    assert_eq!(
        send(post(vm.agent(), "/init", JSON, older)).await.0,
        StatusCode::NO_CONTENT
    );
    assert!(
        run_with(vm.agent(), Codec::Json, bash("true"), admitted())
            .await
            .is_ok()
    );

    assert_eq!(
        send(post(vm.agent(), "/init", JSON, b"{\"envVars\":3}")).await.0,
        StatusCode::BAD_REQUEST
    );
    let from_inside = "exec 3<>/dev/tcp/127.0.0.1/49983; \
        printf 'POST /init HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 0\\r\\n\\r\\n' >&3; head -1 <&3";
    let outcome = run_with(vm.agent(), Codec::Json, bash(from_inside), admitted())
        .await
        .unwrap();
    assert!(outcome.text().contains("403"), "{}", outcome.text());
}
