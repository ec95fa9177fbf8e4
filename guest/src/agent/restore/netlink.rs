//! A conversation with the kernel by netlink: one question, all its answers, and no task or thread for it.

use std::io;

use rtnetlink::packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use rtnetlink::sys::{Socket, SocketAddr};
use thiserror::Error;

/// There is no answer.
#[derive(Debug, Error)]
pub(super) enum NetlinkError {
    /// The kernel could not be asked, or refused.
    #[error("the kernel: {0}")]
    Kernel(#[from] io::Error),
    /// It said something else.
    #[error("cannot understand the kernel: {0}")]
    Answer(#[from] DecodeError),
}

/// One end of it.
pub(super) struct Netlink(Socket);

impl Netlink {
    /// A conversation by a protocol of [`rtnetlink::sys::protocols`].
    pub(super) fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    /// Everything of the kind that `question` asks for.
    pub(super) fn list<M>(&self, question: M) -> Result<Vec<M>, NetlinkError>
    where
        M: NetlinkSerializable + NetlinkDeserializable<Error = DecodeError> + Into<NetlinkPayload<M>>,
    {
        self.send(question, NLM_F_REQUEST | NLM_F_DUMP)?;
        let mut found = Vec::new();
        loop {
            for answer in self.receive()? {
                match answer {
                    NetlinkPayload::InnerMessage(message) => found.push(message),
                    NetlinkPayload::Done(_) => return Ok(found),
                    NetlinkPayload::Error(error) => return Err(error.to_io().into()),
                    _ => {}
                }
            }
        }
    }

    /// Has the kernel do something; answers are read as `A`.
    pub(super) fn order<M, A>(&self, order: M) -> Result<(), NetlinkError>
    where
        M: NetlinkSerializable + Into<NetlinkPayload<M>>,
        A: NetlinkDeserializable<Error = DecodeError>,
    {
        self.send(order, NLM_F_REQUEST | NLM_F_ACK)?;
        for answer in self.receive::<A>()? {
            // Without a code it is the confirmation.
            if let NetlinkPayload::Error(error) = answer
                && error.code.is_some()
            {
                return Err(error.to_io().into());
            }
        }
        Ok(())
    }

    fn send<M>(&self, message: M, flags: u16) -> io::Result<()>
    where
        M: NetlinkSerializable + Into<NetlinkPayload<M>>,
    {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        let mut message = NetlinkMessage::new(header, message.into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.0.send(&bytes, 0).map(drop)
    }

    /// The messages of one datagram.
    fn receive<M>(&self) -> Result<Vec<NetlinkPayload<M>>, NetlinkError>
    where
        M: NetlinkDeserializable<Error = DecodeError>,
    {
        let (datagram, _) = self.0.recv_from_full()?;
        Ok(parse(&datagram)?)
    }
}

fn parse<M>(mut datagram: &[u8]) -> Result<Vec<NetlinkPayload<M>>, DecodeError>
where
    M: NetlinkDeserializable<Error = DecodeError>,
{
    /// Messages begin at multiples of this (`NLMSG_ALIGNTO`).
    const ALIGNMENT: usize = 4;
    let mut messages = Vec::new();
    while !datagram.is_empty() {
        let message = NetlinkMessage::<M>::deserialize(datagram)?;
        // A message that could be read has a header, so this makes headway.
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        datagram = datagram
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        messages.push(message.payload);
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::RouteNetlinkMessage;
    use rtnetlink::packet_route::link::LinkMessage;
    use rtnetlink::sys::protocols::NETLINK_ROUTE;

    use super::*;

    #[test]
    fn this_machines_kernel_answers_and_refuses() {
        let kernel = Netlink::open(NETLINK_ROUTE).unwrap();
        let links = kernel.list(RouteNetlinkMessage::GetLink(LinkMessage::default()));
        assert!(!links.unwrap().is_empty(), "there is a loopback");
        let mut missing = LinkMessage::default();
        missing.header.index = 999_999;
        let refused = kernel.order::<_, RouteNetlinkMessage>(RouteNetlinkMessage::GetLink(missing));
        assert!(matches!(refused, Err(NetlinkError::Kernel(_))), "{refused:?}");
    }

    #[test]
    fn nonsense_is_no_answer() {
        assert!(parse::<RouteNetlinkMessage>(&[0; 16]).is_err());
        assert!(parse::<RouteNetlinkMessage>(&[255; 3]).is_err());
        assert!(parse::<RouteNetlinkMessage>(&[]).unwrap().is_empty());
    }
}
