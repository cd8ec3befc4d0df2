/** Shapes of the public APIs the interface reads. */
export interface Item<T> {
  object: string;
  attributes: T;
  meta?: Record<string, unknown>;
}
export interface Pagination {
  total: number;
  count: number;
  per_page: number;
  current_page: number;
  total_pages: number;
}
export interface List<T> {
  object: "list";
  data: Item<T>[];
  meta?: { pagination?: Pagination } & Record<string, unknown>;
}

export interface SessionUser {
  uuid: string;
  username: string;
  email: string;
  name_first: string;
  name_last: string;
  root_admin: boolean;
  use_totp: boolean;
}
export interface Session {
  user: SessionUser | null;
  name: string;
}

export interface ClientAllocation {
  id: number;
  ip: string;
  ip_alias: string | null;
  port: number;
  notes: string | null;
  is_default: boolean;
}
export interface ClientVariable {
  name: string;
  description: string;
  env_variable: string;
  default_value: string;
  server_value: string | null;
  is_editable: boolean;
  rules: string | null;
}
export interface ClientServer {
  server_owner: boolean;
  identifier: string;
  internal_id: number;
  uuid: string;
  name: string;
  node: string;
  is_node_under_maintenance: boolean;
  sftp_details: { ip: string; port: number };
  description: string;
  limits: { memory: number; swap: number; disk: number; io: number; cpu: number; threads: string | null };
  invocation: string;
  docker_image: string;
  egg_features: string[] | null;
  feature_limits: { databases: number | null; allocations: number | null; backups: number };
  status: string | null;
  is_suspended: boolean;
  is_installing: boolean;
  is_transferring: boolean;
  relationships: {
    allocations: List<ClientAllocation>;
    variables: List<ClientVariable> | { object: "null_resource"; attributes: null };
    egg?: Item<{ uuid: string; name: string }>;
  };
}
export type PowerState = "offline" | "starting" | "running" | "stopping";
export interface Resources {
  current_state: PowerState;
  is_suspended: boolean;
  resources: {
    memory_bytes: number;
    cpu_absolute: number;
    disk_bytes: number;
    network_rx_bytes: number;
    network_tx_bytes: number;
    uptime: number;
  };
}
export interface Stats {
  memory_bytes: number;
  memory_limit_bytes: number;
  cpu_absolute: number;
  network: { rx_bytes: number; tx_bytes: number };
  uptime: number;
  state: PowerState;
  disk_bytes: number;
}
export interface ActivityEntry {
  id: string;
  event: string;
  is_api: boolean;
  ip: string | null;
  properties: Record<string, unknown>;
  timestamp: string;
  relationships?: { actor: Item<{ username: string; email: string } | null> };
}
export interface ApiKey {
  identifier: string;
  description: string;
  allowed_ips: string[] | null;
  last_used_at: string | null;
  created_at: string;
}
export interface SshKey {
  name: string;
  fingerprint: string;
  created_at: string;
}

export interface AdminUser {
  id: number;
  uuid: string;
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  root_admin: boolean;
  "2fa": boolean;
  created_at: string;
}
export interface Location {
  id: number;
  short: string;
  long: string | null;
}
export interface Node {
  id: number;
  uuid: string;
  public: boolean;
  name: string;
  location_id: number;
  fqdn: string;
  scheme: string;
  behind_proxy: boolean;
  maintenance_mode: boolean;
  memory: number;
  memory_overallocate: number;
  disk: number;
  disk_overallocate: number;
  upload_size: number;
  daemon_listen: number;
  daemon_sftp: number;
  daemon_base: string;
  allocated_resources: { memory: number; disk: number };
}
export interface NodeHealth {
  online: boolean;
  reason?: string;
  system?: {
    version: string;
    docker: { version: string; containers: { running: number; total: number } };
    system: {
      architecture: string;
      cpu_threads: number;
      memory_bytes: number;
      os: string;
      kernel_version: string;
    };
  };
}
export interface Allocation {
  id: number;
  ip: string;
  alias: string | null;
  port: number;
  notes: string | null;
  assigned: boolean;
}
export interface Nest {
  id: number;
  name: string;
  description: string | null;
  relationships?: { eggs: List<Egg> };
}
export interface Egg {
  id: number;
  uuid: string;
  name: string;
  nest: number;
  author: string;
  description: string | null;
  docker_images: Record<string, string>;
  startup: string;
  relationships?: { variables: List<EggVariable> };
}
export interface EggVariable {
  id: number;
  name: string;
  description: string;
  env_variable: string;
  default_value: string;
  user_viewable: boolean;
  user_editable: boolean;
  rules: string | null;
}
export interface AdminServer {
  id: number;
  uuid: string;
  identifier: string;
  name: string;
  status: string | null;
  suspended: boolean;
  user: number;
  node: number;
  egg: number;
  limits: { memory: number; disk: number; cpu: number };
}
