//! A process that counts, asked as Prometheus asks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use roost_telemetry::Options;

/// What is answered to one request.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_counts_is_told_on_its_address() {
    // A port that was free a moment ago: the process tells its own only in its log.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options = Options {
        metrics: Some(address),
    };
    roost_telemetry::start("roost-test", &options).await.unwrap();
    metrics::counter!("roost_things_total", "kind" => "small").increment(3);
    metrics::histogram!("roost_thing_seconds").record(0.2);

    let get = |path: &str| ask(address, &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
    let figures = get("/metrics");
    assert!(figures.starts_with("HTTP/1.1 200"), "{figures}");
    for line in [
        "roost_things_total{kind=\"small\"} 3",
        "roost_thing_seconds_bucket{le=\"0.25\"} 1",
        "roost_thing_seconds_bucket{le=\"0.1\"} 0",
        "roost_build_info{service=\"roost-test\"",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        assert!(figures.contains(line), "no {line} in {figures}");
    }
    assert!(get("/").starts_with("HTTP/1.1 404"));
    let posted = ask(
        address,
        "POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
    );
    assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
    assert!(ask(address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
}
