;; A component with the signature of `access-token`. `bare.rs` fills in what stands in braces.
(component
  (type $caller-kind' (enum "person" "workload" "operator"))
  (export $caller-kind "caller-kind" (type $caller-kind'))
  (type $team-role' (enum "member" "admin"))
  (export $team-role "team-role" (type $team-role'))
  (type $team-membership' (record (field "team" string) (field "role" $team-role)))
  (export $team-membership "team-membership" (type $team-membership'))
  (type $caller' (record
    (field "tenant" string)
    (field "kind" $caller-kind)
    (field "user" string)
    (field "email" (option string))
    (field "cluster-admin" bool)
    (field "teams" (list $team-membership))
    (field "on-behalf-of" (option string))))
  (export $caller "caller" (type $caller'))
  (type $activity' (enum
    "pipeline-development" "job-configuration" "on-demand-run" "scheduled-run" "project-release"
    "project-deployment" "metadata-crawl"))
  (export $activity "activity" (type $activity'))
  (type $identity-kind' (enum "person" "service-principal"))
  (export $identity-kind "identity-kind" (type $identity-kind'))
  (type $token-reference' (record (field "lineage" string) (field "generation" u64)))
  (export $token-reference "token-reference" (type $token-reference'))
  (type $token-description' (record
    (field "reference" $token-reference)
    (field "identity" $identity-kind)
    (field "databricks-user" string)
    (field "workspace-url" string)
    (field "scopes" (list string))
    (field "expires-in" u64)))
  (export $token-description "token-description" (type $token-description'))
  (type $served (result (tuple string $token-description)))

  (core module $memory
    (memory (export "memory") 2)
    (data (i32.const 0) "{constants}")
    (global $next (export "next") (mut i32) (i32.const {parameters-at}))
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (local.get $at)))
  (core instance $memory (instantiate $memory))
  (core func $return (canon task.return (result $served) (memory $memory "memory")))

  (core module $code
    (import "task" "return" (func $return
      (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32 i32 i64)))
    (import "memory" "next" (global $next (mut i32)))
    (func (export "access-token") (param $parameters i32) (result i32)
      (global.set $next (i32.const {parameters-at}))
      (call $return {results})
      (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32)
      unreachable))
  (core instance $code (instantiate $code
    (with "task" (instance (export "return" (func $return))))
    (with "memory" (instance $memory))))

  (func (export "access-token") async
    (param "caller" $caller) (param "fabric" string) (param "activity" $activity)
    (result $served)
    (canon lift (core func $code "access-token") async (callback (core func $code "callback"))
      (memory $memory "memory") (realloc (func $memory "realloc")))))
