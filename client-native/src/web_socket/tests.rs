use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use super::*;
use muster_client_core::event::Token;

type ServerSocket = WebSocketStream<TcpStream>;

/// A server that takes one connection with the right token and hands its socket out.
async fn server() -> (Target, tokio::task::JoinHandle<Option<ServerSocket>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let sync_url = format!("ws://{}/sync", listener.local_addr().unwrap());
    let accepted = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the handshake's callback has this type")]
        let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            if request.headers().get(AUTHORIZATION).is_some_and(|value| value == "Bearer right") {
                return Ok(response);
            }
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::UNAUTHORIZED;
            Err(refusal)
        };
        accept_hdr_async(stream, check).await.ok()
    });
    (Target { sync_url, token: Token::new("right") }, accepted)
}

fn carrier() -> WebSocketCarrier {
    WebSocketCarrier::new(&[]).unwrap()
}

#[tokio::test]
async fn frames_travel_whole_both_ways() {
    let (target, accepted) = server().await;
    let mut link = carrier().connect(&target).await.unwrap();
    let mut socket = accepted.await.unwrap().unwrap();
    let frame: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    link.outgoing.send(frame.clone()).await.unwrap();
    let heard = loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => break bytes,
            _ => continue,
        }
    };
    assert_eq!(heard, frame);
    socket.send(Message::Binary(frame.clone().into())).await.unwrap();
    assert_eq!(link.incoming.recv().await, Some(Ok(frame)));
}

#[tokio::test]
async fn what_was_handed_over_before_the_client_closed_is_sent() {
    let (target, accepted) = server().await;
    let link = carrier().connect(&target).await.unwrap();
    let mut socket = accepted.await.unwrap().unwrap();
    for number in 0..100_u8 {
        link.outgoing.send(vec![number]).await.unwrap();
    }
    drop(link);
    let mut heard = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Binary(bytes) = message {
            heard.push(bytes[0]);
        }
    }
    assert_eq!(heard, (0..100).collect::<Vec<u8>>());
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_says_so() {
    let (target, _accepted) = server().await;
    let target = Target { token: Token::new("wrong"), ..target };
    assert_eq!(carrier().connect(&target).await.unwrap_err(), CarrierError::Refused { status: 401 });
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let sync_url = format!("ws://{}/sync", listener.local_addr().unwrap());
    drop(listener);
    let target = Target { sync_url, token: Token::new("right") };
    assert_eq!(carrier().connect(&target).await.unwrap_err(), CarrierError::Unreachable);
    let target = Target { sync_url: "not an address".into(), ..target };
    assert_eq!(carrier().connect(&target).await.unwrap_err(), CarrierError::BadAddress);
}

#[tokio::test]
async fn what_is_not_a_frame_ends_the_link() {
    let (target, accepted) = server().await;
    let mut link = carrier().connect(&target).await.unwrap();
    let mut socket = accepted.await.unwrap().unwrap();
    socket.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(link.incoming.recv().await, Some(Err(CarrierError::NotAFrame)));
    assert_eq!(link.incoming.recv().await, None);
}

#[tokio::test]
async fn a_server_that_goes_ends_the_link() {
    let (target, accepted) = server().await;
    let mut link = carrier().connect(&target).await.unwrap();
    drop(accepted.await.unwrap().unwrap());
    assert_eq!(link.incoming.recv().await, Some(Err(CarrierError::Ended)));
}

#[test]
fn a_root_that_is_no_certificate_is_refused() {
    assert!(WebSocketCarrier::new(&[b"nonsense".to_vec()]).is_err());
}

#[test]
fn a_close_says_whether_and_when_to_come_back() {
    let table = [
        ("", CarrierError::Ended),
        ("shutting_down", CarrierError::Ended),
        ("overload; retry_after_ms=1500", CarrierError::RetryAfter { ms: 1_500 }),
        ("overload; retry_after_ms=-1", CarrierError::Ended),
        ("overload; retry_after_ms=soon", CarrierError::Ended),
        ("device_revoked", CarrierError::Refused { status: 401 }),
        ("token_expired", CarrierError::Refused { status: 401 }),
        ("role_changed", CarrierError::Refused { status: 401 }),
    ];
    for (reason, expected) in table {
        assert_eq!(why_closed(reason), expected, "{reason}");
    }
}
