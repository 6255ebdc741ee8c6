//! The ledger: what exists on the engine, written before it is made.

use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

use super::{Store, now};
use crate::error::{Error, Result};
use crate::seed::Seed;
use crate::template::Variables;

/// A seat as it is recorded.
#[derive(Debug, Clone, Serialize)]
pub struct SeatRow {
    pub id: String,
    pub lab: String,
    pub workspace: PathBuf,
    pub variables: Variables,
    /// What its keyed values were drawn from; empty for a seat from before there were any.
    #[serde(flatten)]
    pub seed: Seed,
    pub created_at: String,
    /// When it may be removed unless it is used before, in UTC.
    pub lease_until: String,
    /// Everything of it was made and answered once.
    pub ready: bool,
}

impl SeatRow {
    /// Whether its lease has run out.
    pub fn is_due(&self) -> bool {
        self.lease_until < now()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceKind {
    Container,
    Network,
    Volume,
}

/// Something on the engine that belongs to a seat.
#[derive(Debug, Clone, Serialize)]
pub struct Resource {
    pub kind: ResourceKind,
    pub name: String,
    pub seat: String,
    /// What matters about it beyond its name: that a volume's service is set up, the digest of a clean twin.
    pub detail: String,
}

impl ResourceKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "network" => Self::Network,
            "volume" => Self::Volume,
            _ => Self::Container,
        }
    }
}

impl Store {
    /// Records a new seat. A lab has one at a time: one that never came up, and of which nothing is left, is this one now.
    pub fn add_seat(&self, seat: &SeatRow) -> Result<()> {
        let variables = serde_json::to_string(&seat.variables)
            .map_err(|e| Error::infrastructure("The variables cannot be stored").because(e))?;
        let workspace = seat.workspace.to_string_lossy();
        let added = self
            .connection
            .execute(
                "INSERT INTO seats (id, lab, workspace, variables, created_at, ready, seed, learner, lease_until)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (lab) DO UPDATE SET id = excluded.id, created_at = excluded.created_at WHERE NOT ready",
                params![
                    seat.id,
                    seat.lab,
                    workspace,
                    variables,
                    seat.created_at,
                    seat.ready,
                    seat.seed.text,
                    seat.seed.learner,
                    seat.lease_until,
                ],
            )
            .map_err(self.failed("The seat"))?;
        if added == 0 {
            return Err(Error::infrastructure(format!("The lab {} already has a seat", seat.lab)));
        }
        Ok(())
    }

    pub fn seats(&self) -> Result<Vec<SeatRow>> {
        let failed = self.failed("The seats");
        let mut query = self
            .connection
            .prepare(&format!("SELECT {SEAT_COLUMNS} FROM seats ORDER BY created_at"))
            .map_err(&failed)?;
        let rows = query.query_map([], seat_row).map_err(&failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(&failed)
    }

    /// The seats whose lease has run out.
    pub fn expired_seats(&self) -> Result<Vec<SeatRow>> {
        let mut seats = self.seats()?;
        seats.retain(SeatRow::is_due);
        Ok(seats)
    }

    pub fn seat_of(&self, lab: &str) -> Result<Option<SeatRow>> {
        self.connection
            .query_row(&format!("SELECT {SEAT_COLUMNS} FROM seats WHERE lab = ?"), [lab], seat_row)
            .optional()
            .map_err(self.failed("The seat"))
    }

    /// Everything of the seat was made and answers.
    pub fn seat_is_ready(&self, id: &str) -> Result<()> {
        self.connection
            .execute("UPDATE seats SET ready = 1 WHERE id = ?", [id])
            .map_err(self.failed("The seat"))?;
        Ok(())
    }

    /// Keeps a seat until then, unless it is kept until `already` or longer. Times are in UTC.
    pub fn renew_lease(&self, seat: &str, until: &str, already: &str) -> Result<()> {
        self.connection
            .execute(
                "UPDATE seats SET lease_until = ?2 WHERE id = ?1 AND lease_until < ?3",
                params![seat, until, already],
            )
            .map_err(self.failed("The use of the seat"))?;
        Ok(())
    }

    /// Forgets a seat whose resources are all gone.
    pub fn remove_seat(&self, id: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM seats WHERE id = ?", [id])
            .map_err(self.failed("The end of the seat"))?;
        Ok(())
    }

    /// Records something before it is made. Recording it again changes nothing.
    pub fn add_resource(&self, resource: &Resource) -> Result<()> {
        self.connection
            .execute(
                "INSERT INTO resources (kind, name, seat, detail, created_at) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT DO NOTHING",
                params![resource.kind.as_str(), resource.name, resource.seat, resource.detail, now()],
            )
            .map_err(self.failed("A container, network or volume"))?;
        Ok(())
    }

    /// Notes what matters about something that is recorded.
    pub fn note_resource(&self, kind: ResourceKind, name: &str, detail: &str) -> Result<()> {
        self.connection
            .execute(
                "UPDATE resources SET detail = ? WHERE kind = ? AND name = ?",
                params![detail, kind.as_str(), name],
            )
            .map_err(self.failed("A container, network or volume"))?;
        Ok(())
    }

    /// Forgets something that is gone.
    pub fn remove_resource(&self, kind: ResourceKind, name: &str) -> Result<()> {
        self.connection
            .execute(
                "DELETE FROM resources WHERE kind = ? AND name = ?",
                params![kind.as_str(), name],
            )
            .map_err(self.failed("The end of a container, network or volume"))?;
        Ok(())
    }

    /// Everything recorded, or what belongs to one seat.
    pub fn resources(&self, seat: Option<&str>) -> Result<Vec<Resource>> {
        let failed = self.failed("Containers, networks and volumes");
        let mut query = self
            .connection
            .prepare("SELECT kind, name, seat, detail FROM resources WHERE ?1 IS NULL OR seat = ?1 ORDER BY rowid")
            .map_err(&failed)?;
        let rows = query
            .query_map([seat], |row| {
                Ok(Resource {
                    kind: ResourceKind::parse(&row.get::<_, String>(0)?),
                    name: row.get(1)?,
                    seat: row.get(2)?,
                    detail: row.get(3)?,
                })
            })
            .map_err(&failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(&failed)
    }
}

/// What [`seat_row`] reads, in its order.
const SEAT_COLUMNS: &str =
    "id, lab, workspace, variables, created_at, ready, seed, learner, lease_until";

fn seat_row(row: &Row<'_>) -> rusqlite::Result<SeatRow> {
    let variables: String = row.get(3)?;
    let malformed = |e: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, Box::new(e))
    };
    Ok(SeatRow {
        id: row.get(0)?,
        lab: row.get(1)?,
        workspace: PathBuf::from(row.get::<_, String>(2)?),
        variables: serde_json::from_str(&variables).map_err(malformed)?,
        created_at: row.get(4)?,
        ready: row.get(5)?,
        seed: Seed { text: row.get(6)?, learner: row.get(7)? },
        lease_until: row.get(8)?,
    })
}
