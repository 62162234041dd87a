use std::{net::SocketAddr, sync::Arc, thread};

use kaching_client::Guard;
use tokio::net::TcpListener;

use crate::{Options, app, cluster::Cluster, error::RunError, follow::Peers, options::Source};

/// Runs the service until SIGTERM or Ctrl-C: it refuses to start without a valid license.
///
/// `ready` gets the address once it listens.
///
/// # Errors
/// If it cannot start, with what to do.
pub fn run(options: &Options, ready: impl FnOnce(SocketAddr)) -> Result<(), RunError> {
    match &options.license {
        Source::Authority(setup) => {
            let mut builder =
                setup.guard(&options.data)?.name(&setup.name).release_on_shutdown(options.release);
            if let Some(activation) = options.takeover {
                builder = builder.moves_from(activation);
            }
            let guard = start(options, builder)?;
            work(options, &guard, ready)?;
            // The slot stays unless configured otherwise, for the same cluster to come back to. Usage is reported.
            guard.shutdown()?;
        }
        Source::Nodes(urls, root) => {
            let peers = Peers::new(urls.clone());
            let id = peers.cluster_id(&options.data)?;
            let builder = Guard::follow(peers.clone(), root).product("chorus").fingerprint(id.clone());
            let guard = start(options, builder.state_dir(options.data.join("license")))?;
            peers.join(&options.name, &id)?;
            let carrier = thread::Builder::new().name("usage".to_owned()).spawn({
                let (peers, guard, name) = (peers.clone(), guard.clone(), options.name.clone());
                let id = id.clone();
                move || peers.keep_carrying(&guard, &name, &id)
            })?;
            let done = work(options, &guard, ready);
            peers.carry(&guard, &options.name, &id);
            guard.shutdown()?;
            // It ends with the guard.
            let _ = carrier.join();
            peers.leave(&options.name);
            done?;
        }
    }
    Ok(())
}

fn start(options: &Options, mut builder: kaching_client::Builder) -> Result<Guard, RunError> {
    if let Some(clock) = &options.clock {
        builder = builder.clock(Arc::clone(clock));
    }
    Ok(builder.start()?)
}

/// Serves until the end is asked for, and lets the jobs that run come to theirs.
fn work(options: &Options, guard: &Guard, ready: impl FnOnce(SocketAddr)) -> Result<(), RunError> {
    let cluster = Arc::new(Cluster::new(guard.clone(), &options.name, &options.data)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let app = app::router(Arc::clone(&cluster), options.admin_token.clone());
    runtime.block_on(serve(options.listen, app, ready))?;
    cluster.finish();
    Ok(())
}

async fn serve(
    address: SocketAddr,
    app: axum::Router,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    let taken = |source| RunError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    ready(listener.local_addr()?);
    let asked = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(asked).await?)
}
