//! `/keys`: API keys. The answer that creates a token shows it, and no other answer does.

mod operations;

use actix_web::{HttpResponse, http::header, web};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::{
    context::WriteContext,
    endpoint::Endpoint,
    extract::{Body, Fields, PerhapsBody, Query},
    headers::IDEMPOTENCY_REPLAYED,
    openapi::schemas,
    permission::KeyManager,
    problem::Problem,
    respond,
    returned::{self, Returnable, Returned},
    shapes::role::RoleName,
    state::ApiState,
};
use crate::{
    auth::{Caller, Grant, Role, TenantScope, key::KeyId},
    domain::{
        Invalid,
        ids::{EnvName, ServiceName, TenantName},
        plain_text,
        resource_scope::ResourceScope,
        time::UtcTime,
        whole::Whole,
    },
    service::access::keys::{ApiKey, MAX_OVERLAP, Made, NewKeySpec},
};

const KEYS: &str = "/api/v1/keys";
const KEY: &str = "/api/v1/keys/{key_id}";

/// The endpoints of API keys.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(KEYS, list, operations::list)
            .compressed()
            .sensitive(),
        Endpoint::post(KEYS, create, operations::create),
        Endpoint::get(KEY, get, operations::get),
        Endpoint::delete(KEY, revoke, operations::revoke),
        Endpoint::post("/api/v1/keys/{key_id}/rotate", rotate, operations::rotate),
    ]
}

/// The longest description, in bytes.
const MAX_DESCRIPTION: usize = 255;
/// The most services or environments that a key may be narrowed to.
const MAX_NAMES: usize = 100;
/// How long the previous token stays valid after a rotation if the request does not say, in
/// seconds.
const OVERLAP_SECONDS: u32 = 3600;

/// The body of `POST /keys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CreateKey", transform = returned::describe_returned::<KeyIn>)]
pub struct KeyIn {
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Vec<RoleName>", length(min = 1, max = 6))]
    roles: Vec<String>,
    #[serde(default)]
    #[schemars(with = "Vec<schemas::ServiceName>", length(max = MAX_NAMES))]
    services: Vec<String>,
    #[serde(default)]
    #[schemars(with = "Vec<schemas::EnvName>", length(max = MAX_NAMES))]
    envs: Vec<String>,
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION))]
    description: String,
    #[schemars(with = "Option<schemas::TimestampIn>")]
    expires_at: Option<String>,
}

impl Returnable for KeyIn {
    const READ_ONLY: &'static [&'static str] = returned::OF_KEY;
}

impl KeyIn {
    /// Parses the requested key. A caller that belongs to a tenant need not name the tenant.
    fn wanted(
        self,
        caller: &Caller,
        idempotency_key: Option<String>,
    ) -> Result<NewKeySpec, Problem> {
        let Self {
            tenant,
            roles,
            services,
            envs,
            description,
            expires_at,
        } = self;
        let mut fields = Fields::default();
        let tenant = match tenant {
            Some(raw) => fields
                .required::<TenantName>("/tenant", Some(raw))
                .map(Some),
            None => Some(caller.grant.tenant_scope().tenant().cloned()),
        };
        let roles = each::<Role>(&mut fields, "/roles", roles);
        let services = each::<ServiceName>(&mut fields, "/services", services);
        let envs = each::<EnvName>(&mut fields, "/envs", envs);
        let described = fields.check(
            "/description",
            plain_text(&description, MAX_DESCRIPTION, "description"),
        );
        let ends = fields.optional::<UtcTime>("/expires_at", expires_at);
        let is_past = ends.is_some_and(|end| end <= Timestamp::now().into());
        let past = || Err(Invalid::new("in_the_past", "must be in the future"));
        fields.check("/expires_at", if is_past { past() } else { Ok(()) });
        let parts = tenant.zip(roles).zip(services.zip(envs)).zip(described);
        let grant = parts.and_then(|(((tenant, roles), (services, envs)), ())| {
            let tenant_scope = tenant.map_or(TenantScope::Platform, TenantScope::Tenant);
            fields.check(
                "/roles",
                Grant::new(roles, tenant_scope, ResourceScope { services, envs }),
            )
        });
        let grant = fields.finish(grant)?;
        if let Some(other) = grant
            .tenant_scope()
            .tenant()
            .filter(|tenant| !caller.reaches(tenant))
        {
            return Err(Problem::other_tenant(other.clone()));
        }
        Ok(NewKeySpec {
            grant,
            description,
            expires_at: ends,
            idempotency_key,
        })
    }
}

fn each<T: TryFrom<String, Error = Invalid>>(
    fields: &mut Fields,
    pointer: &str,
    raw: Vec<String>,
) -> Option<Vec<T>> {
    if raw.len() > MAX_NAMES {
        return fields.check(
            pointer,
            Err(Invalid::new("too_many", format!("at most {MAX_NAMES}"))),
        );
    }
    let parsed = raw
        .into_iter()
        .enumerate()
        .map(|(at, raw)| fields.check(&format!("{pointer}/{at}"), T::try_from(raw)));
    parsed.collect::<Vec<_>>().into_iter().collect()
}

/// A key as the API shows it.
#[derive(Debug, Serialize)]
struct KeyOut<'a> {
    id: KeyId,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    tenant: Option<&'a TenantName>,
    roles: &'a [Role],
    services: &'a [ServiceName],
    envs: &'a [EnvName],
    description: &'a str,
    created_at: UtcTime,
    created_by: &'a str,
    created_by_kind: Option<&'a str>,
    tokens: u32,
    rotated_at: Option<UtcTime>,
    rotated_by: Option<&'a str>,
    rotated_by_kind: Option<&'a str>,
    previous_until: Option<UtcTime>,
    expires_at: Option<UtcTime>,
    revoked_at: Option<UtcTime>,
    revoked_by: Option<&'a str>,
    last_used_at: Option<UtcTime>,
}

impl<'a> KeyOut<'a> {
    fn of(key: &'a ApiKey) -> Self {
        let ApiKey {
            id,
            grant,
            description,
            previous,
            created_at,
            created_by,
            rotated_at,
            expires_at,
            ..
        } = key;
        let ResourceScope { services, envs } = grant.resource_scope();
        Self {
            id: *id,
            token: None,
            tenant: grant.tenant_scope().tenant(),
            roles: grant.roles(),
            services,
            envs,
            description,
            created_at: *created_at,
            created_by,
            created_by_kind: key.created_by_kind.as_deref(),
            tokens: key.tokens,
            rotated_at: *rotated_at,
            rotated_by: key.rotated_by.as_deref(),
            rotated_by_kind: key.rotated_by_kind.as_deref(),
            previous_until: previous.as_ref().map(|(_, until)| *until),
            expires_at: *expires_at,
            revoked_at: key.revoked_at,
            revoked_by: key.revoked_by.as_deref(),
            last_used_at: key.last_used_at,
        }
    }

    fn made(made: &'a Made) -> Self {
        Self {
            token: made.token.as_ref().map(|token| token.expose_secret()),
            ..Self::of(&made.key)
        }
    }
}

/// `POST /keys`
pub async fn create(
    _: KeyManager,
    state: web::Data<ApiState>,
    context: WriteContext,
    body: Body<Returned<KeyIn>>,
) -> Result<HttpResponse, Problem> {
    let wanted = body
        .0
        .into_inner()
        .wanted(context.caller(), context.idempotency_key())?;
    let made = state.keys.make(&context.by(), wanted).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/api/v1/keys/{}", made.key.id)));
    if made.token.is_none() {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(KeyOut::made(&made)))
}

/// The parameters of `GET /keys`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// `GET /keys`
pub async fn list(
    caller: KeyManager,
    state: web::Data<ApiState>,
    query: Query<ListIn>,
) -> Result<HttpResponse, Problem> {
    let ListIn {
        tenant,
        limit,
        cursor,
    } = query.0;
    let mut fields = Fields::default();
    let tenant = fields.optional::<TenantName>("?tenant", tenant);
    let tenant = fields.finish(Some(tenant))?;
    let page = respond::page_request(limit, cursor);
    let page = state
        .keys
        .list(&state.reads, &caller, tenant.as_ref(), &page)
        .await?;
    let items: Vec<_> = page.items.iter().map(KeyOut::of).collect();
    Ok(respond::json(&respond::PageOut {
        items: &items,
        next_cursor: page.next_cursor,
    }))
}

fn id_in_path(path: web::Path<String>) -> Result<KeyId, Problem> {
    KeyId::try_from(path.into_inner()).map_err(|invalid| Problem::field("{key_id}", invalid))
}

/// `GET /keys/{id}`
pub async fn get(
    caller: KeyManager,
    state: web::Data<ApiState>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = state.keys.get(&caller, id_in_path(path)?).await?;
    Ok(respond::json(&KeyOut::of(&key)))
}

/// The body of `POST /keys/{id}/rotate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RotateKey")]
pub struct RotateIn {
    /// How long the replaced token stays valid: 0 to 2592000 seconds, one hour by default.
    #[schemars(with = "Option<u32>", range(max = 2_592_000))]
    overlap_seconds: Option<Whole<0, 2_592_000, u32>>,
}

/// `POST /keys/{id}/rotate`
pub async fn rotate(
    _: KeyManager,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: web::Path<String>,
    body: PerhapsBody<RotateIn>,
) -> Result<HttpResponse, Problem> {
    let id = id_in_path(path)?;
    let overlap = SignedDuration::from_secs(i64::from(
        body.0
            .overlap_seconds
            .map_or(OVERLAP_SECONDS, |Whole(seconds)| seconds),
    ));
    if overlap > MAX_OVERLAP {
        let invalid = Invalid::new("out_of_range", format!("at most {}", MAX_OVERLAP.as_secs()));
        return Err(Problem::field("/overlap_seconds", invalid));
    }
    let made = state.keys.rotate(&context.by(), id, overlap).await?;
    state.callers.learn(made.key.clone());
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(KeyOut::made(&made)))
}

/// Whether the descendants of a revoked key are revoked too or kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
enum Descendants {
    Revoke,
    Keep,
}

impl TryFrom<String> for Descendants {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        match raw.as_str() {
            "revoke" => Ok(Self::Revoke),
            "keep" => Ok(Self::Keep),
            _ => Err(Invalid::new("unknown_choice", "must be revoke or keep")),
        }
    }
}

/// The parameters of `DELETE /keys/{id}`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeIn {
    /// Whether the descendants of the key are revoked with it: the keys that it created, and the
    /// keys whose new token it was shown because it rotated them.
    #[schemars(with = "Option<Descendants>", extend("default" = "revoke"))]
    descendants: Option<String>,
}

/// `DELETE /keys/{id}`
pub async fn revoke(
    _: KeyManager,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: web::Path<String>,
    query: Query<RevokeIn>,
) -> Result<HttpResponse, Problem> {
    let id = id_in_path(path)?;
    let mut fields = Fields::default();
    let descendants = fields.optional::<Descendants>("?descendants", query.0.descendants);
    let descendants = fields
        .finish(Some(descendants))?
        .unwrap_or(Descendants::Revoke);
    let revoked = state
        .keys
        .revoke(&context.by(), id, descendants == Descendants::Revoke)
        .await?;
    revoked
        .into_iter()
        .for_each(|key| state.callers.follow_change(key));
    Ok(HttpResponse::NoContent().finish())
}
