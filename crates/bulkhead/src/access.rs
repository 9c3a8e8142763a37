// SPDX-License-Identifier: Apache-2.0
//! What every verb that speaks to a registry takes, and what the environment says about it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use engine::Danger;
use engine::registry::{Access, Proxies, Registries};

use crate::output;

/// Flags of every verb that speaks to a registry.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Registry options")]
pub(crate) struct Options {
    /// Speak to this registry without TLS: anybody on the way reads and changes what is sent
    #[arg(long, value_name = "HOST[:PORT]")]
    plain_http: Vec<String>,
    /// Trust the authorities in this file, too
    #[arg(long, value_name = "FILE")]
    ca_file: Vec<PathBuf>,
    /// Look for mirrors in this directory, too, as containerd does: HOST/hosts.toml
    #[arg(long, value_name = "DIR")]
    hosts_dir: Vec<PathBuf>,
}

impl Options {
    /// Registries as this caller sees them.
    pub(crate) fn registries(&self) -> Registries {
        for host in &self.plain_http {
            output::warn(&format!("warning: {} is spoken to without TLS\n", output::visible(host)));
        }
        let text = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
        Registries::new(self.access(&text))
    }

    fn access(&self, variable: &dyn Fn(&str) -> Option<String>) -> Access {
        let said = |name: &str| variable(name).filter(|value| !value.is_empty());
        // Small letters first, as curl and Go have it.
        let either = |name: &str| said(&name.to_lowercase()).or_else(|| said(name));
        let all = either("ALL_PROXY");
        let home = said("HOME").map(PathBuf::from);
        let plain_http: BTreeMap<String, Danger> = self
            .plain_http
            .iter()
            .map(|host| (host.clone(), Danger::asked_by(format!("--plain-http {host}"))))
            .collect();
        Access {
            config: said("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".docker"))),
            certificates: home.iter().map(|home| home.join(".config/docker/certs.d")).collect(),
            mirrors: self.hosts_dir.clone(),
            authorities: self.ca_file.clone(),
            // OpenSSL's and Go's name for it.
            system_authorities: said("SSL_CERT_FILE").map(PathBuf::from),
            plain_http,
            proxies: Proxies {
                http: either("HTTP_PROXY").or_else(|| all.clone()),
                https: either("HTTPS_PROXY").or(all),
                except: either("NO_PROXY").unwrap_or_default(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_says() {
        let flags = Options {
            plain_http: vec!["x:5000".to_owned()],
            ca_file: vec!["/ca".into()],
            hosts_dir: vec!["/hosts".into()],
        };
        let among = |variables: &'static [(&str, &str)]| {
            flags.access(&move |name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let access = among(&[
            ("HOME", "/home/me"),
            ("https_proxy", "http://p"),
            ("HTTPS_PROXY", "http://q"),
            ("NO_PROXY", "a"),
        ]);
        assert_eq!(access.config, Some("/home/me/.docker".into()));
        assert_eq!(
            access.proxies,
            Proxies { http: None, https: Some("http://p".to_owned()), except: "a".to_owned() }
        );
        assert_eq!(access.plain_http["x:5000"].reason(), "--plain-http x:5000");
        assert_eq!(access.mirrors, [PathBuf::from("/hosts")]);
        assert_eq!(access.authorities, [PathBuf::from("/ca")]);
        assert_eq!(among(&[("HOME", "/h"), ("DOCKER_CONFIG", "/d")]).config, Some("/d".into()));
        assert_eq!(among(&[("HOME", "")]).config, None);
        assert_eq!(among(&[("SSL_CERT_FILE", "/cas")]).system_authorities, Some("/cas".into()));
    }
}
