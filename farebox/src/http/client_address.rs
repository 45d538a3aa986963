//! Whose request it is, as far as its address tells: the peer's, or, where the peer is a proxy that
//! the configuration trusts, the nearest address in `X-Forwarded-For` that isn't such a proxy.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use http::Extensions;
use http::HeaderMap;

use crate::app::App;

/// Whether what a peer at this address says of others is believed.
pub fn is_trusted(app: &Arc<App>, address: IpAddr) -> bool {
    let mut networks = app.config.http.trusted_proxies.iter();
    networks.any(|network| network.contains(address))
}

/// The client's address.
pub fn client_address(app: &Arc<App>, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
    let peer = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| {
            info.0.ip().to_canonical()
        });
    let trusted = |address: &IpAddr| is_trusted(app, *address);
    if !trusted(&peer) {
        return peer;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter();
    let hops: Vec<IpAddr> = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|hop| hop.trim().parse().ok())
        .collect();
    hops.into_iter()
        .rev()
        .find(|hop| !trusted(hop))
        .unwrap_or(peer)
}
