//! The table `installation`: what every instance shares.

use deadpool_postgres::Object;

use super::{Error, column};

/// The key that list cursors are signed with.
pub async fn cursor_key(client: &Object) -> Result<[u8; 32], Error> {
    let statement = client.prepare_cached("select cursor_key from installation").await?;
    let row = client.query_one(&statement, &[]).await?;
    let key: Vec<u8> = column(&row, "cursor_key")?;
    key.try_into().map_err(|_| Error::Corrupt("installation.cursor_key is not 32 bytes".into()))
}
