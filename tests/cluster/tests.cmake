# Clusters of five nodes and three servers of NATS: Debian's version runs everything, a current one what depends on the server.
set(CLUSTER ${TREE}/cluster)

# add_cluster_test(NAME LABELS TIMEOUT SCRIPT ARGUMENT...)
function(add_cluster_test name labels timeout script)
  add_tree_test(${name} "${labels}" ${timeout} ${PYTHON} ${CLUSTER}/${script} ${ARGN})
  # Eight processes on every core, and timing matters.
  set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
endfunction()

add_cluster_test(cluster_pieces "cluster" 120 pieces_test.py --nats ${NATS_OF_DEBIAN})
add_cluster_test(cluster_pieces_current "cluster" 120 pieces_test.py --nats ${NATS_CURRENT})
if(TARGET mlnode)
  add_cluster_test(cluster_keys "cluster" 120 cluster_keys_test.py --binary ${MLNODE_BINARY} --nats ${NATS_OF_DEBIAN})
endif()

if(MLNODE_ENGINE_OPENVINO AND TARGET mlnode)
  set(debian --binary ${MLNODE_BINARY} --nats ${NATS_OF_DEBIAN})
  set(current --binary ${MLNODE_BINARY} --nats ${NATS_CURRENT})
  add_cluster_test(migrate "cluster;vendor" 300 migrate_test.py ${debian})
  add_cluster_test(cluster_features "cluster;vendor" 300 cluster_features_test.py ${debian})
  add_cluster_test(cluster_fault "cluster;vendor" 600 cluster_fault_test.py ${debian})
  add_cluster_test(cluster_outage "cluster;vendor" 300 cluster_outage_test.py ${debian})
  # Through a node that holds no model.
  set(entry ${debian} --model ${DEMO_MODEL} --home ${CONFORMANCE_HOME})
  add_cluster_test(cluster_golden "cluster;golden;vendor" 900 ../golden/run.py ${entry})
  add_cluster_test(cluster_conformance "cluster;conformance;vendor" 1200 ../conformance/run.py ${entry})
  add_cluster_test(cluster_fault_run "cluster;vendor" 300 cluster_fault_run.py ${current} --seconds 60 --history ${CMAKE_BINARY_DIR}/history.jsonl)
  add_cluster_test(cluster_fault_run_debian "cluster;vendor" 300 cluster_fault_run.py ${debian} --seconds 60 --seed 4)
  set(fault ClusterFault)
  add_cluster_test(cluster_fault_current "cluster;vendor" 300 cluster_fault_test.py ${current}
    ${fault}.test_server_killed ${fault}.test_leader_of_the_documents_killed ${fault}.test_node_cut_off_from_nats)
  add_cluster_test(cluster_outage_current "cluster;vendor" 300 cluster_outage_test.py ${current}
    ClusterOutage.test_all_servers_down ClusterOutage.test_power_cut)
  add_cluster_test(cluster_fault_run_10_minutes "long;vendor" 1200 cluster_fault_run.py ${current} --seconds 600
    --history ${CMAKE_BINARY_DIR}/history_10_minutes.jsonl)
  add_cluster_test(cluster_outage_60 "long;vendor" 300 cluster_outage_test.py ${debian} ClusterOutage.test_all_servers_down)
  set_tests_properties(cluster_outage_60 PROPERTIES ENVIRONMENT MLNODE_OUTAGE_SECONDS=60)
endif()
