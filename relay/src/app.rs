//! Building the relay from its configuration, and running it until it is told to stop.

use crate::{
    address, clock,
    config::Config,
    http,
    ingest::geo::Geo,
    limits::Limits,
    live::{StoreSource, TopicSource},
    metrics::Metrics,
    rlimit, server,
    sink::{Delivery, Forwarder, KafkaSink, Sink},
    store::Store,
};
use anyhow::Context;
use axum::Router;
use futures_util::future::maybe_done;
use kafka_client::{Kafka, Registry};
use live_stats::LiveStats;
use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Requests and background tasks have this long to end once the relay is told to stop. Longer than
/// a request may take.
const FAREWELL: Duration = Duration::from_secs(8);

/// A relay that listens and is ready to run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    page_url: String,
    router: Router,
    max_connections: usize,
    metrics: Arc<Metrics>,
    delivery: Arc<Delivery>,
    kafka: Option<(Arc<Kafka>, Forwarder)>,
    geo: Geo,
    shutdown: CancellationToken,
}

impl App {
    /// Opens everything that has to be there: the port, the store, the geo database. Kafka and the
    /// registry need not answer yet. The relay ends when `shutdown` is cancelled.
    pub async fn build(config: Config, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let geo = Geo::open(config.geo_database.clone(), config.pretend_local)?;
        let store = Store::open(&config.store)?;
        let kafka = match &config.kafka {
            Some(settings) => Some((
                Arc::new(Kafka::new(settings.clone())?),
                Registry::new(settings.registry.clone())?,
            )),
            None => None,
        };
        let sink: Option<Arc<dyn Sink>> = kafka.as_ref().map(|(kafka, registry)| {
            Arc::new(KafkaSink::new(Arc::clone(kafka), registry.clone())) as Arc<dyn Sink>
        });
        let delivery = Arc::new(Delivery::new(Arc::new(store.clone()), sink.clone()));
        let forwarder =
            sink.map(|sink| Forwarder::new(Arc::clone(&delivery), sink, Arc::new(store.clone())));
        let listener = TcpListener::bind(config.listen).await.with_context(|| {
            format!("cannot listen on {}; choose another address with --listen", config.listen)
        })?;
        let address = listener.local_addr()?;
        let (capacity, ending) = (config.live, shutdown.clone());
        let live = match &kafka {
            Some((kafka, registry)) => {
                let runtime = Handle::current();
                let source = TopicSource::new(Arc::clone(kafka), registry.clone(), runtime);
                LiveStats::start(source, capacity, clock::now, ending)
            }
            None => LiveStats::start(StoreSource::new(store.clone()), capacity, clock::now, ending),
        };
        let live = live.context("cannot start the thread of the live numbers")?;
        let kafka = kafka.map(|(kafka, _)| kafka);
        let metrics = Arc::new(Metrics::default());
        let limits = Arc::new(Limits::new(&config.limits, rlimit::open_files()));
        let context = http::Context {
            delivery: Arc::clone(&delivery),
            store,
            kafka: kafka.clone(),
            geo: geo.clone(),
            proxies: Arc::new(config.proxies.clone()),
            metrics: Arc::clone(&metrics),
            limits: Arc::clone(&limits),
            origins: config.origins.clone(),
            live,
            shutdown: shutdown.clone(),
        };
        Ok(Self {
            router: http::router(Arc::new(context), config.static_dir.as_deref()),
            max_connections: limits.connections,
            metrics,
            page_url: address::page_url(&config, address),
            listener,
            address,
            delivery,
            kafka: kafka.zip(forwarder),
            geo,
            shutdown,
        })
    }

    /// The address that the relay really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to give to visitors.
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// Serves until the relay is told to end, then lets requests and deliveries end.
    pub async fn run(self) -> anyhow::Result<()> {
        let shutdown = self.shutdown;
        let background = TaskTracker::new();
        let kafka = self.kafka.map(|(kafka, forwarder)| {
            background.spawn(forwarder.run(shutdown.clone()));
            background.spawn(wake_on_hangup(self.delivery, shutdown.clone()));
            kafka
        });
        background.spawn(self.geo.reload_on_change(shutdown.clone()));
        background.close();

        let server = server::serve(
            self.listener,
            self.router,
            self.max_connections,
            self.metrics,
            shutdown.clone(),
        );
        let mut server = pin!(maybe_done(server));
        serve_until_told(server.as_mut(), &shutdown).await?;
        tracing::info!("stopping");
        // Requests first: they may still produce. A connection that never ends is left behind.
        let farewell = tokio::time::timeout(FAREWELL, async {
            server.await;
            background.wait().await;
            if let Some(kafka) = kafka {
                // The producer's flush blocks; a failed join means that it panicked, and is logged.
                let _ = tokio::task::spawn_blocking(move || kafka.flush()).await;
            }
        });
        if farewell.await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Wakes the forwarder at each SIGHUP, so that it takes up new certificates at once.
async fn wake_on_hangup(delivery: Arc<Delivery>, shutdown: CancellationToken) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return tracing::warn!("cannot install the SIGHUP handler: {error}"),
    };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            received = hangup.recv() => match received {
                Some(()) => delivery.wake_forwarder(),
                None => return,
            },
        }
    }
}

/// Runs the server until `shutdown` is cancelled. An error if it ended before that.
async fn serve_until_told(server: impl Future, shutdown: &CancellationToken) -> anyhow::Result<()> {
    tokio::select! {
        () = shutdown.cancelled() => {}
        _ = server => {}
    }
    // The server ends by the same signal, which can come between a look at the one and a look at the
    // other: a server that is at its end has not ended by itself if it was told to.
    anyhow::ensure!(shutdown.is_cancelled(), "the server ended by itself");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_server_that_ends_as_soon_as_it_is_told_has_not_ended_by_itself() {
        let shutdown = CancellationToken::new();
        let told_meanwhile = async { shutdown.cancel() };
        assert!(serve_until_told(told_meanwhile, &shutdown).await.is_ok());
    }

    #[tokio::test]
    async fn a_server_that_nobody_told_to_end_has_ended_by_itself() {
        let error = serve_until_told(async {}, &CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains("by itself"), "{error}");
    }
}
