//! How claims become a caller, in the forms that different makes of issuers use.

use serde_json::{Value, json};
use traffic_manager::{
    auth::{
        Caller, Grant, Role, TenantScope,
        jwt::{Now, TokenRefusal},
    },
    domain::resource_scope::ResourceScope,
};

use crate::{
    issuer::Issuer,
    signer::{Signer, claims},
};

async fn caller(settings: &[&str], changes: Value) -> Result<Caller, TokenRefusal> {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    let now = Now::read();
    let verifier = issuer.ready(settings, now).await;
    verifier
        .verify_at(&signer.token(&claims(now, changes)), now)
        .await
}

fn grant(roles: &[Role], tenant: Option<&str>) -> Grant {
    narrowed(roles, tenant, &[], &[])
}

fn narrowed(roles: &[Role], tenant: Option<&str>, services: &[&str], envs: &[&str]) -> Grant {
    let tenant_scope = tenant.map_or(TenantScope::Platform, |name| {
        TenantScope::Tenant(name.parse().unwrap())
    });
    let services = services.iter().map(|name| name.parse().unwrap()).collect();
    let envs = envs.iter().map(|name| name.parse().unwrap()).collect();
    Grant::new(
        roles.to_vec(),
        tenant_scope,
        ResourceScope { services, envs },
    )
    .unwrap()
}

#[tokio::test]
async fn default_claims_give_actor_and_grant() {
    let editor = caller(&[], json!({ "services": ["web", "api"], "envs": "prod" }))
        .await
        .unwrap();
    assert_eq!(
        (editor.actor.kind.as_str(), editor.actor.id.as_str()),
        ("jwt", "alice")
    );
    assert_eq!(
        *editor.grant,
        narrowed(&[Role::Editor], Some("acme"), &["web", "api"], &["prod"])
    );
    let of = async |changes| (*caller(&[], changes).await.unwrap().grant).clone();
    assert_eq!(
        of(json!({ "roles": "viewer auditor offline_access" })).await,
        grant(&[Role::Viewer, Role::Auditor], Some("acme"))
    );
    assert_eq!(
        of(json!({ "tenant": null, "roles": ["platform_admin"] })).await,
        Grant::platform_admin()
    );
    assert_eq!(
        of(json!({ "tenant": "*", "roles": ["platform_admin"] })).await,
        Grant::platform_admin()
    );
    assert_eq!(
        of(json!({ "tenant": "*", "roles": ["auditor"] })).await,
        grant(&[Role::Auditor], None)
    );
}

#[tokio::test]
async fn nested_claims_and_mapped_role_names_give_a_grant() {
    let settings = [
        "tenant_claim=organization.name",
        "roles_claim=realm_access.roles",
        "role_map=tm-operators=editor,tm-operators=auditor,tm-owners=tenant_admin",
    ];
    let claims = json!({ "organization": { "name": "globex" }, "realm_access": { "roles": ["offline_access", "tm-operators"] } });
    let caller = caller(&settings, claims).await.unwrap();
    assert_eq!(
        *caller.grant,
        grant(&[Role::Editor, Role::Auditor], Some("globex"))
    );
}

#[tokio::test]
async fn claim_names_may_be_urls() {
    let settings = [
        r#"tenant_claim="https://tm.example/tenant""#,
        r#"roles_claim="https://tm.example/roles""#,
        "role_map=https://tm.example/a=b=node",
    ];
    let claims = json!({ "tenant": "acme", "https://tm.example/tenant": "globex", "https://tm.example/roles": ["https://tm.example/a=b"] });
    assert_eq!(
        *caller(&settings, claims).await.unwrap().grant,
        grant(&[Role::Node], Some("globex"))
    );
}

#[tokio::test]
async fn with_a_role_map_our_own_role_names_give_no_grant() {
    let refused = caller(
        &["role_map=admins=tenant_admin"],
        json!({ "roles": ["editor", "tenant_admin"] }),
    )
    .await;
    assert_eq!(refused, Err(TokenRefusal::NoGrant("no_role")));
}

#[tokio::test]
async fn invalid_claim_mapping_stops_the_start() {
    let issuer = Issuer::with(&[]);
    for (wrong, key) in [
        ("role_map=admins", "auth.jwt.role_map"),
        ("role_map=admins=root", "auth.jwt.role_map"),
        ("tenant_claim=a..b", "auth.jwt.tenant_claim"),
        (r#"roles_claim="a"#, "auth.jwt.roles_claim"),
        ("ca_file=/nowhere.pem", "auth.jwt.ca_file"),
        ("ca_file=Cargo.toml", "auth.jwt.ca_file"),
    ] {
        let message = issuer.try_verifier(&[wrong]).unwrap_err().to_string();
        assert!(message.contains(key), "{wrong}: {message}");
    }
}
