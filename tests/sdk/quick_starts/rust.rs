//! The code of `docs/sdk/rust.md`: the page shows the body of each function but for its last line.

use std::{error::Error, path::Path};

use traffic_manager_client::{Watcher, verify::ChainReport};

pub async fn put_and_wait(url: &str, token: &str) -> Result<Option<String>, Box<dyn Error>> {
    use std::time::Duration;
    use traffic_manager_client::types::{RouteKey, RouteSpec};
    use traffic_manager_client::{Client, ClientSettings, Token};

    let mut settings = ClientSettings::new(vec![url.parse()?]);
    settings.token = Some(Token::fixed(token));
    let key = RouteKey::new("acme", "web", "prod", "v1");
    let spec = RouteSpec::new("https://web-1.example.com");
    let call = Client::new(settings)?.put_route(&key, &spec);
    let write = call.wait_for_nodes(95.0, Duration::from_secs(10)).await?;
    let state = write.convergence.and_then(|ended| ended.state);
    Ok(state)
}

pub async fn follow(
    url: &str,
    token: &str,
    folder: &Path,
) -> Result<(Watcher, String), Box<dyn Error>> {
    use traffic_manager_client::{Label, Settings, Token, Watcher};

    let mut settings = Settings::new(vec![url.parse()?], "acme".parse()?);
    settings.token = Some(Token::fixed(token));
    settings.file = Some(folder.join("acme.tm"));
    settings.node = Label::from_host("edge-1");
    let watcher = Watcher::start(settings).await?;
    let snapshot = watcher.ready().await?;
    let route = snapshot.get("web", "prod", "v1").ok_or("no route")?;
    println!("{} at {}", route.url.as_str(), snapshot.tag());
    Ok((watcher, route.url.as_str().to_owned()))
}

pub async fn verify(url: &str, token: &str) -> Result<Vec<ChainReport>, Box<dyn Error>> {
    use traffic_manager_client::{Client, ClientSettings, Token, verify::Verifier};

    let mut settings = ClientSettings::new(vec![url.parse()?]);
    settings.token = Some(Token::fixed(token));
    let client = Client::new(settings)?;
    let chains = client.verify("acme", Verifier::new()).await?;
    for chain in &chains {
        println!("{} {} {:?}", chain.epoch, chain.events, chain.fault);
    }
    Ok(chains)
}
