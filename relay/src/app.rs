//! The relay, built from its configuration, with graceful shutdown.

use crate::{
    clock,
    config::Config,
    ingest::{client_ip::TrustedProxies, geo::Geo, limits::Limits},
    live::{StoreSource, TopicSource},
    metrics::Metrics,
    rlimit,
    routes::{self, AllowedOrigins},
    server,
    sink::{Delivery, Forwarder, KafkaSink, Sink, sqlite::Store},
};
use anyhow::Context;
use axum::Router;
use futures_util::future::maybe_done;
use kafka_client::{EventReader, Kafka, Registry};
use live_stats::{Capacity, LiveStats};
use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time for requests and background tasks to end at shutdown; longer than the timeout of a request.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// Sessions in which the live numbers detect repeated events; beyond, the oldest are evicted. They
/// take about 100 MB.
const LIVE_SESSIONS: usize = 1_000_000;

/// A relay that has opened its port and is ready to run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    max_connections: usize,
    metrics: Arc<Metrics>,
    delivery: Arc<Delivery>,
    kafka: Option<(Arc<Kafka>, Forwarder)>,
    geo: Geo,
    shutdown: CancellationToken,
}

impl App {
    /// Opens the port, the store and the geo database. Kafka and the registry need not be available.
    /// The relay stops when `shutdown` is cancelled.
    ///
    /// # Errors
    /// If one of these cannot be opened.
    pub async fn build(config: Config, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let Config { options, kafka } = config;
        let geo = Geo::open(options.geo_database, options.pretend_local)?;
        let store = Store::open(&options.store)?;
        let kafka = match kafka {
            Some(settings) => {
                let registry = Registry::new(settings.registry.clone())?;
                Some((Arc::new(Kafka::new(settings)?), registry))
            }
            None => None,
        };
        let sink: Option<Arc<dyn Sink>> = kafka.as_ref().map(|(kafka, registry)| {
            Arc::new(KafkaSink::new(Arc::clone(kafka), registry.clone())) as Arc<dyn Sink>
        });
        let delivery = Arc::new(Delivery::new(Arc::new(store.clone()), sink.clone()));
        let forwarder =
            sink.map(|sink| Forwarder::new(Arc::clone(&delivery), sink, Arc::new(store.clone())));
        let listen = options.listen.address;
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen}; choose another address with --listen")
        })?;
        let address = listener.local_addr()?;
        let (capacity, ending) = (Capacity::for_sessions(LIVE_SESSIONS), shutdown.clone());
        let live = match &kafka {
            Some((kafka, registry)) => {
                let runtime = Handle::current();
                let reader = EventReader::new(kafka.settings().clone(), registry.clone(), runtime);
                let source = TopicSource::new(reader);
                LiveStats::start(source, capacity, clock::now, ending)
            }
            None => LiveStats::start(StoreSource::new(store.clone()), capacity, clock::now, ending),
        };
        let live = live.context("cannot start the thread of the live numbers")?;
        let kafka = kafka.map(|(kafka, _)| kafka);
        let metrics = Arc::new(Metrics::default());
        let limits = Arc::new(Limits::new(&options.limits, rlimit::open_files()));
        let proxies =
            TrustedProxies { networks: options.trusted_proxies, header: options.forwarded_header };
        let context = routes::Context {
            delivery: Arc::clone(&delivery),
            store,
            kafka: kafka.clone(),
            geo: geo.clone(),
            proxies: Arc::new(proxies),
            metrics: Arc::clone(&metrics),
            limits: Arc::clone(&limits),
            origins: AllowedOrigins::new(options.allowed_origins),
            live,
            shutdown: shutdown.clone(),
        };
        Ok(Self {
            router: routes::router(Arc::new(context), options.static_dir.as_deref()),
            max_connections: limits.connections,
            metrics,
            listener,
            address,
            delivery,
            kafka: kafka.zip(forwarder),
            geo,
            shutdown,
        })
    }

    /// The address that the relay listens on, with the port that was selected for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown, then completes requests and deliveries that have begun.
    ///
    /// # Errors
    /// If the server ends before shutdown.
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
        serve_until_shutdown(server.as_mut(), &shutdown).await?;
        tracing::info!("stopping");
        // Requests first: they may still produce.
        let stopped = tokio::time::timeout(SHUTDOWN_TIMEOUT, async {
            server.await;
            background.wait().await;
            if let Some(kafka) = kafka {
                // The flush blocks. A join error means that it panicked, which is logged already.
                let _ = tokio::task::spawn_blocking(move || kafka.flush()).await;
            }
        });
        if stopped.await.is_err() {
            tracing::warn!("shutdown timed out: some connections or deliveries are aborted");
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

/// Runs the server until `shutdown` is cancelled. Returns an error if it ends before.
async fn serve_until_shutdown(
    server: impl Future,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = shutdown.cancelled() => {}
        _ = server => {}
    }
    // The token may be cancelled between the polls of the two branches; then the server, which ends
    // by the same token, is ready first.
    anyhow::ensure!(shutdown.is_cancelled(), "the server stopped unexpectedly");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn server_that_ends_at_shutdown_is_no_error() {
        let shutdown = CancellationToken::new();
        let cancelled_between_polls = async { shutdown.cancel() };
        assert!(serve_until_shutdown(cancelled_between_polls, &shutdown).await.is_ok());
    }

    #[tokio::test]
    async fn server_that_ends_before_shutdown_is_an_error() {
        let error = serve_until_shutdown(async {}, &CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains("unexpectedly"), "{error}");
    }
}
