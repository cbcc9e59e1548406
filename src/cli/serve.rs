//! `apikeys serve`: puts the parts together, and takes them apart in the right order.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Failure, log, print};
use crate::auth::{Authenticator, LocalToken, Oidc, OidcSettings, People};
use crate::config::Config;
use crate::http::{self, Server};
use crate::key::background::keep_up;
use crate::key::clock::Clock;
use crate::key::error::chain;
use crate::key::last_used::LastUsed;
use crate::key::retention::Retention;
use crate::key::service::Service;
use crate::key::verify::Verifier;
use crate::store::Store;

pub(super) async fn serve(config: Config) -> Result<(), Failure> {
    let log = log::start(&config);
    let people = people(config.oidc, config.local_token)?;
    let store = Store::open(&config.database_url, config.database_connections).await?;
    let clock = Arc::new(Clock::system());
    let last_used = Arc::new(LastUsed::new(store.clone()));
    let retention = Arc::new(Retention::new(
        store.clone(),
        clock.clone(),
        config.event_retention,
        config.max_events_per_owner,
    ));
    let verifier = Arc::new(Verifier::new(
        store.clone(),
        config.key_prefix.clone(),
        clock.clone(),
        last_used.clone(),
    ));
    let (prefix, limits) = (config.key_prefix, config.limits);
    let service = Service::new(store, prefix, limits, clock, retention.clone());
    let settings = http::Settings {
        listen: config.listen,
        public_url: config.public_url,
        key_header: config.key_header,
        allowed_origins: config.allowed_origins,
        has_graphiql: config.graphiql,
    };
    let is_local = matches!(people, People::Local(_));
    let authenticator = Authenticator::new(people, verifier.clone());
    let health = vec![last_used.health(), retention.health()];
    let server = Server::bind(settings, authenticator, Arc::new(service), verifier, health)
        .map_err(|error| Failure::Failed(format!("cannot listen on {}: {error}", config.listen)))?;
    if is_local && !config.listen.ip().is_loopback() {
        tracing::warn!(
            "APIKEYS_LISTEN is not a loopback address: whoever reads the traffic can read the local token; put TLS in front"
        );
    }
    print(&format!("Open {}\n", server.link()))?;

    // Dropped when the server has stopped, which ends what goes on beside it.
    let (stop, stopped) = watch::channel(());
    let (last_use, old_events) = (last_used.health(), retention.health());
    let beside = [
        tokio::spawn(keep_up(last_use, stopped.clone(), move |stopped| {
            last_used.clone().keep_writing(stopped)
        })),
        tokio::spawn(keep_up(old_events, stopped.clone(), move |stopped| {
            retention.clone().keep_pruning(stopped)
        })),
        tokio::spawn(log.tell_of_losses(stopped)),
    ];
    server.run().await;
    drop(stop);
    for task in beside {
        if let Err(panic) = task.await {
            tracing::error!(%panic, "a task beside the server did not end well");
        }
    }
    Ok(())
}

fn people(oidc: Option<OidcSettings>, token: Option<LocalToken>) -> Result<People, Failure> {
    match (oidc, token) {
        (Some(settings), _) => {
            if settings.issuer.is_open_to_others() {
                tracing::warn!(
                    "APIKEYS_OIDC_ISSUER is not https: whoever is on the way can make tokens that this server takes"
                );
            }
            let oidc = Oidc::new(settings).map_err(|error| Failure::Failed(chain(&*error)))?;
            Ok(People::Oidc(oidc))
        }
        (None, Some(token)) => Ok(People::Local(token)),
        (None, None) => LocalToken::generate()
            .map(People::Local)
            .map_err(|error| Failure::Failed(chain(&error))),
    }
}
