//! Feeding the host actor from its command queue.

use std::time::Duration;

use futures::StreamExt;
use ractor::ActorRef;
use roost_schemas::subject::Route;

use super::admission::Admission;
use super::{Context, HostMessage};

/// How long to wait before a queue that refused is asked again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Takes this host's commands until the host actor is gone, never more at a time than have a place.
pub async fn serve(context: &Context, host: ActorRef<HostMessage>) {
    let route = Route::Host(context.host.clone());
    let admission = Admission::new(&route);
    loop {
        match context.queue.consume(&route).await {
            Ok(mut deliveries) => {
                loop {
                    let place = admission.place().await;
                    let Some(delivery) = deliveries.next().await else {
                        break;
                    };
                    match delivery {
                        Ok(delivery) => {
                            let Some(delivery) = admission.admit(&context.queue, place, delivery) else {
                                continue;
                            };
                            if host
                                .send_message(HostMessage::Deliver(Box::new(delivery)))
                                .is_err()
                            {
                                return;
                            }
                        }
                        Err(error) => tracing::warn!(%error, "the command queue stutters"),
                    }
                }
                tracing::warn!("the command queue ended; it is taken up again");
            }
            Err(error) => tracing::warn!(%error, "cannot take commands yet"),
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}
