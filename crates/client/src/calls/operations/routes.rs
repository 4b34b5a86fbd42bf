//! Routes.

use serde::Serialize;

use crate::{
    calls::{Read, Write, operation::operations},
    types::{
        Event, NewRoute, Page, Raw, ResolveQuery, ResolvedRoute, Route, RouteBlame, RouteFilter,
        RouteKey, RouteSpec,
    },
};

operations! {
    /// Lists routes.
    ReadTenant list_routes: GET "/api/v1/routes" (filter: &RouteFilter => query) -> Read<Page<Route>>;
    /// Creates a route, or replaces it. It is active unless the body says otherwise.
    Write upsert_route: POST "/api/v1/routes" (route: &NewRoute => json) -> Write<Route>;
    /// Activates the route that the body names.
    Write activate_route_by_body: POST "/api/v1/routes/activate" (route: &RouteKey => json) -> Write<Route>;
    /// Deactivates the route that the body names. `parameter("confirm_in_use", "true")` confirms
    /// that policies use the version.
    Write deactivate_route_by_body: POST "/api/v1/routes/deactivate" (route: &RouteKey => json) -> Write<Route>;
    /// Returns the route that a request goes to.
    ReadTenant resolve_route: GET "/api/v1/routes/resolve" (query: &ResolveQuery => query) -> Read<ResolvedRoute>;
    /// Returns a route; with `parameter("at", …)` as it was then.
    ReadTenant get_route: GET "/api/v1/routes/{tenant}/{service}/{env}/{version}" (route: &RouteKey => path) -> Read<Route>;
    /// Creates a route, or replaces it.
    Write put_route: PUT "/api/v1/routes/{tenant}/{service}/{env}/{version}" (route: &RouteKey => path, spec: &RouteSpec => json) -> Write<Route>;
    /// Changes members of a route (merge patch, RFC 7396): `null` removes a member.
    Write patch_route: PATCH "/api/v1/routes/{tenant}/{service}/{env}/{version}" (route: &RouteKey => path, changes: &impl Serialize => patch) -> Write<Route>;
    /// Deletes a route. `parameter("confirm_in_use", "true")` confirms that policies use the
    /// version.
    Write delete_route: DELETE "/api/v1/routes/{tenant}/{service}/{env}/{version}" (route: &RouteKey => path) -> Write<()>;
    /// Activates a route.
    Write activate_route: POST "/api/v1/routes/{tenant}/{service}/{env}/{version}/activate" (route: &RouteKey => path) -> Write<Route>;
    /// Deactivates a route. `parameter("confirm_in_use", "true")` confirms that policies use the
    /// version.
    Write deactivate_route: POST "/api/v1/routes/{tenant}/{service}/{env}/{version}/deactivate" (route: &RouteKey => path) -> Write<Route>;
    /// Returns, for each member of a route, the event that gave it its value.
    ReadTenant get_route_blame: GET "/api/v1/routes/{tenant}/{service}/{env}/{version}/blame" (route: &RouteKey => path) -> Read<RouteBlame>;
    /// Returns the events of a route, newest first.
    ReadTenant get_route_history: GET "/api/v1/routes/{tenant}/{service}/{env}/{version}/history" (route: &RouteKey => path) -> Read<Page<Raw<Event>>>;
}
