// The API's types under short names.
import type { components, operations } from "./schema";

type S = components["schemas"];

export type Me = S["Me"];
export type Agent = S["Agent"];
export type AgentRef = S["AgentRef"];
export type AgentInput = S["AgentInput"];
export type AgentPatch = S["AgentPatch"];
export type Team = S["Team"];
export type Token = S["Token"];
export type Phone = S["Phone"];
export type PhoneCall = S["PhoneCall"];
export type PhonePatch = S["PhonePatch"];
export type Queue = S["Queue"];
export type QueuePatch = S["QueuePatch"];
export type Call = S["Call"];
export type Leg = S["Leg"];
export type Customer = S["Customer"];
export type CustomerInput = S["CustomerInput"];
export type CustomerPatch = S["CustomerPatch"];
export type Pop = S["Pop"];
export type PastCall = S["PastCall"];
export type Desk = S["Desk"];
export type DeskFrame = S["DeskFrame"];
export type Floor = S["Floor"];
export type FloorFrame = S["FloorFrame"];
export type FloorWish = S["FloorWish"];
export type FloorQueue = S["FloorQueue"];
export type FloorCall = S["FloorCall"];
export type FloorAgent = S["FloorAgent"];
export type FloorCounts = S["FloorCounts"];
export type QueueToday = S["QueueToday"];
export type Wallboard = S["Wallboard"];
export type WallboardKey = S["WallboardKey"];
export type WallboardInput = S["WallboardInput"];
export type Status = S["Status"];
export type SetupStep = S["SetupStep"];
export type Gap = S["Gap"];
export type Abilities = Pop["abilities"];
export type Destinations = S["Destinations"];
export type TransferInput = S["TransferInput"];
export type Dialling = S["Dialling"];
export type DiallingInput = S["DiallingInput"];
export type DialRule = S["DialRule"];
export type DialClass = NonNullable<DialRule["class"]>;
export type AgentState = Desk["state"];
export type StateStretch = S["StateStretch"];
export type PauseReason = S["PauseReason"];
export type Missed = S["Missed"];
export type MissedFrame = S["MissedFrame"];
export type MissedQuery = NonNullable<operations["listMissed"]["parameters"]["query"]>;
export type Disposition = S["Disposition"];
export type StateInput = S["StateInput"];
/** How an agent stands, as in the desk's picture. */
export type Standing = S["AgentState"];
export type Rule = Pop["rule"];
export type Role = Agent["role"];
export type Outcome = NonNullable<Call["outcome"]>;
export type Direction = Call["direction"];

export type FollowUp = S["FollowUp"];
/** A follow-up in the picture of a desk. */
export type DeskFollowUp = S["DeskFollowUp"];
export type FollowUpChange = S["FollowUpChange"];
export type FollowUpInput = S["FollowUpInput"];
export type FollowUpPatch = S["FollowUpPatch"];
export type FollowUpBulk = S["FollowUpBulkInput"];
export type FollowUpBulkResult = S["FollowUpBulkResult"];
export type FollowUpState = FollowUp["state"];
export type FollowUpKind = FollowUp["kind"];
export type FollowUpPriority = FollowUp["priority"];

export type Export = S["Export"];
export type CallFilter = S["CallFilter"];
export type SavedView = S["SavedView"];

export type GapQuery = NonNullable<operations["listGaps"]["parameters"]["query"]>;
export type CallQuery = NonNullable<operations["listCalls"]["parameters"]["query"]>;
export type QueueQuery = NonNullable<operations["listQueues"]["parameters"]["query"]>;
export type PhoneQuery = NonNullable<operations["listPhones"]["parameters"]["query"]>;
export type FollowUpQuery = NonNullable<operations["listFollowUps"]["parameters"]["query"]>;
export type CustomerQuery = NonNullable<operations["listCustomers"]["parameters"]["query"]>;
