//! The places of long polls and streams: a number of them, of which one tenant may not take all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use traffic_manager_core::ids::TenantName;

/// The places of a relay.
#[derive(Debug)]
pub struct Places {
    most: usize,
    most_of_tenant: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    tenants: HashMap<TenantName, usize>,
}

/// A place, which is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    tenant: TenantName,
}

impl Places {
    /// Makes `most` places, of which one tenant gets `most_of_tenant`.
    pub fn new(most: usize, most_of_tenant: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_of_tenant,
            taken: Mutex::default(),
        })
    }

    /// Takes a place for a tenant. Returns the limit that is reached if there is none.
    pub fn take(self: &Arc<Self>, tenant: &TenantName) -> Result<Place, usize> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return Err(self.most);
        }
        let of_tenant = taken.tenants.entry(tenant.clone()).or_default();
        if *of_tenant >= self.most_of_tenant {
            return Err(self.most_of_tenant);
        }
        *of_tenant += 1;
        taken.all += 1;
        Ok(Place {
            places: Arc::clone(self),
            tenant: tenant.clone(),
        })
    }

    /// How many places are taken.
    pub fn taken(&self) -> usize {
        let taken = self.taken.lock();
        taken.unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.places.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(of_tenant) = taken.tenants.get_mut(&self.tenant) {
            *of_tenant -= 1;
            if *of_tenant == 0 {
                taken.tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_at_its_limit_leaves_the_others_their_places() {
        let places = Places::new(3, 2);
        let [acme, beta]: [TenantName; 2] = ["acme", "beta"].map(|name| name.parse().unwrap());
        let first = places.take(&acme).unwrap();
        let _second = places.take(&acme).unwrap();
        assert_eq!(places.take(&acme).unwrap_err(), 2);
        let _other = places.take(&beta).unwrap();
        assert_eq!(places.take(&beta).unwrap_err(), 3);
        drop(first);
        assert_eq!(places.taken(), 2);
        assert!(places.take(&acme).is_ok());
    }
}
