"""What each address of the console answers whom, in letters. `test_console_matrix.py` says for whom a column stands.

`o` shown, `>` done and sent on, `l` sent to the sign-in, `x` refused, `-` not found, `b` takes a button only,
`?` what was sent does not fit, `c` what was sent does not fit how things stand.
"""

TABLE = """
GET  board                                  lxooooooooooo ooooo
POST board                                  lbbbbbbbbbbbb bbbbb
GET  search                                 loooooooooooo ooooo
POST search                                 loooooooooooo ooooo
GET  second_factor                          l-----
POST second_factor                          l-----
GET  second_factor_set_up                   ------
POST second_factor_set_up                   ------
GET  index                                  looooo
POST index                                  looooo
GET  login                                  o-----
POST login                                  oooooo
GET  logout                                 -bbbbb
POST logout                                 -ooooo
GET  password_change                        looooo
GET  password_change_done                   looooo
POST password_change_done                   lbbbbb
GET  autocomplete                           lxxxxx
POST autocomplete                           lbbbbb
GET  jsi18n                                 looooo
POST jsi18n                                 lbbbbb
GET  view_on_site                           l-----
POST view_on_site                           l-----
GET  orchestration_project_changelist       lxxooo
GET  orchestration_project_add              xxxo
GET  orchestration_project_history          --oo
GET  orchestration_project_delete           --xx
GET  orchestration_project_change           l--ooo
GET  orchestration_apitoken_changelist      lxxooo
GET  orchestration_apitoken_add             xxxx
GET  orchestration_apitoken_history         ---o
GET  orchestration_apitoken_delete          ---o
GET  orchestration_apitoken_change          l-x--o
GET  orchestration_run_step                 lxxxxxxx-oooo xxooo
POST orchestration_run_step                 lxxxxxxx-bbbb xxbbb
GET  orchestration_run_order                lxxxxxxx-xxoo xxxoo
POST orchestration_run_order                lxxxxxxx-xx>> xxx>>
GET  orchestration_trace                    lxxooo
POST orchestration_trace                    lxxbbb
GET  orchestration_trace_export             lxx---
POST orchestration_trace_export             lxxbbb
GET  orchestration_run_changelist           lxxxxxxxooooo xxooo
GET  orchestration_run_add                  xxxx
GET  orchestration_run_history              --oo
GET  orchestration_run_delete               --xx
GET  orchestration_run_change               lxxxxxxx-oooo xxooo
GET  orchestration_actor_order              lxxxoo
POST orchestration_actor_order              lxxx>>
GET  orchestration_actor_changelist         lxxooo
GET  orchestration_actor_add                xxxx
GET  orchestration_actor_history            --oo
GET  orchestration_actor_delete             --xx
GET  orchestration_actor_change             lxxooo
GET  orchestration_delivery_again           lxxx>>
POST orchestration_delivery_again           lxxx>>
GET  orchestration_delivery_changelist      lxxooo
GET  orchestration_delivery_add             xxxx
GET  orchestration_delivery_history         --oo
GET  orchestration_delivery_delete          --xx
GET  orchestration_delivery_change          lxx>>>
GET  orchestration_message_changelist       lxxooo
GET  orchestration_message_add              xxxx
GET  orchestration_message_history          --oo
GET  orchestration_message_delete           --xx
GET  orchestration_message_change           lxxooo
GET  orchestration_topic_changelist         lxxooo
GET  orchestration_topic_add                xxxx
GET  orchestration_topic_history            --oo
GET  orchestration_topic_delete             --xx
GET  orchestration_topic_change             lxxooo
GET  orchestration_memory_write             lxxxoo
POST orchestration_memory_write             lxxx--
GET  orchestration_memory_forget            lxxxoo
POST orchestration_memory_forget            lxxx??
GET  orchestration_memory_changelist        lxxooo
GET  orchestration_memory_add               xxxx
GET  orchestration_memory_history           --oo
GET  orchestration_memory_delete            --xx
GET  orchestration_memory_change            lxxooo
GET  orchestration_verifiertrial_changelist lxxooo
GET  orchestration_verifiertrial_add        xxxx
GET  orchestration_verifiertrial_history    ----
GET  orchestration_verifiertrial_delete     ----
GET  orchestration_verifiertrial_change     lxx---
GET  orchestration_workerprocess_changelist lxxooo
GET  orchestration_workerprocess_add        xxxx
GET  orchestration_workerprocess_history    xxoo
GET  orchestration_workerprocess_delete     xxxx
GET  orchestration_workerprocess_change     lxxooo
GET  orchestration_workflow_changelist      lxxooo
GET  orchestration_workflow_add             xxxx
GET  orchestration_workflow_history         --oo
GET  orchestration_workflow_delete          --xx
GET  orchestration_workflow_change          lxxooo
GET  escalation_agent                       lxxxxxxx----- xx---
POST escalation_agent                       lxxxxxxx----- xx---
GET  escalation_agent_threshold             lxxxxxxx>>>>> xx>>>
POST escalation_agent_threshold             lxxxxxxxxxxxx xxxxx
GET  escalation_agenthour_changelist        lxxxxxxxooooo xxooo
GET  escalation_agenthour_add               xxxx
GET  escalation_agenthour_history           ----
GET  escalation_agenthour_delete            ----
GET  escalation_agenthour_change            lxxxxxxx----- xx---
GET  escalation_auditline_export            lbbbbbbbbbbbb bbbbb
POST escalation_auditline_export            lxxxxxoxoxxoo xxxoo
GET  escalation_auditline_changelist        lxxxxxoxoxxoo xxxoo
GET  escalation_auditline_add               xxxx
GET  escalation_auditline_history           --oo
GET  escalation_auditline_delete            --xx
GET  escalation_auditline_change            lxxxxxox-xxoo xxx--
GET  escalation_calendar_preview            lbbbbbbbbbbbb bbbbb
POST escalation_calendar_preview            lxxxxxxxoxxoo xxxoo
GET  escalation_calendar_changelist         lxxxxxxxooooo xxooo
GET  escalation_calendar_add                xxoo
GET  escalation_calendar_history            --oo
GET  escalation_calendar_delete             --xx
GET  escalation_calendar_change             l--------oooo --ooo
POST escalation_calendar_change             l--------xxoo --xoo
GET  escalation_delivery_again              lbbbbbbbbbbbb bbbbb
POST escalation_delivery_again              lx>>>>>>>>>>> >>>>>
GET  escalation_delivery_test               lbbbbbbbbbbbb bbbbb
POST escalation_delivery_test               lx>>>>>>>>>>> >>>>>
GET  escalation_delivery_changelist         lxooooooooooo ooooo
GET  escalation_delivery_add                xxxx
GET  escalation_delivery_history            ----
GET  escalation_delivery_delete             ----
GET  escalation_delivery_change             lx----------- -----
GET  escalation_preference_changelist       lxooooooooooo ooooo
GET  escalation_preference_add              xooo
GET  escalation_preference_history          ----
GET  escalation_preference_delete           ----
GET  escalation_preference_change           l--o--------- o----
POST escalation_preference_change           l--o--------- o----
GET  escalation_reviewqueue_changelist      lxooooooooooo ooooo
GET  escalation_reviewqueue_add             xxoo
GET  escalation_reviewqueue_history         -ooo
GET  escalation_reviewqueue_delete          -ooo
GET  escalation_reviewqueue_change          l-ooooo--oooo o---o
POST escalation_reviewqueue_change          l-xxxox--xxoo x---o
GET  escalation_breach_changelist           lxooooooooooo ooooo
GET  escalation_breach_add                  xxxx
GET  escalation_breach_history              -ooo
GET  escalation_breach_delete               -xxx
GET  escalation_breach_change               l-ooooo--oooo o----
GET  escalation_reviewerprofile_changelist  loooooooooooo ooooo
GET  escalation_reviewerprofile_add         xooo
GET  escalation_reviewerprofile_history     -ooo
GET  escalation_reviewerprofile_delete      -ooo
GET  escalation_reviewerprofile_change      l--o-o-----oo o---o
POST escalation_reviewerprofile_change      l-->->----->> >--->
GET  escalation_routingrule_preview         lbbbbbbbbbbbb bbbbb
POST escalation_routingrule_preview         lxxxxxxxoxxoo xxxoo
GET  escalation_routingrule_changelist      lxxxxxxxooooo xxooo
GET  escalation_routingrule_add             xxoo
GET  escalation_routingrule_history         --oo
GET  escalation_routingrule_delete          --oo
GET  escalation_routingrule_change          l--------oooo --ooo
POST escalation_routingrule_change          l--------xxoo --xoo
GET  escalation_ticket_take_back            lbbbbbbbbbbbb bbbbb
POST escalation_ticket_take_back            l-xccxx--xccc c----
GET  escalation_ticket_again                lllllllllllll lllll
POST escalation_ticket_again                ooooooooooooo ooooo
GET  escalation_ticket_whole                lxooooo--oooo o----
POST escalation_ticket_whole                lbbbbbbbbbbbb bbbbb
GET  escalation_ticket_alike                l-xooxx--xooo o----
POST escalation_ticket_alike                lbbbbbbbbbbbb bbbbb
GET  escalation_ticket_claim_next           lbbbbbbbbbbbb bbbbb
POST escalation_ticket_claim_next           lxx>>xx>>x>>> >>>>>
GET  escalation_ticket_keep_view            lbbbbbbbbbbbb bbbbb
POST escalation_ticket_keep_view            lx>>>>>>>>>>> >>>>>
GET  escalation_ticket_forget_view          lbbbbbbbbbbbb bbbbb
POST escalation_ticket_forget_view          lx>>>>>>>>>>> >>>>>
GET  escalation_ticket_claim                lbbbbbbbbbbbb bbbbb
POST escalation_ticket_claim                l-x>>xx--x>>> >----
GET  escalation_ticket_release              lbbbbbbbbbbbb bbbbb
POST escalation_ticket_release              o-xccxx--xccc c----
GET  escalation_ticket_keep_draft           lbbbbbbbbbbbb bbbbb
POST escalation_ticket_keep_draft           o-xccxx--xccc c----
GET  escalation_ticket_discard_draft        lbbbbbbbbbbbb bbbbb
POST escalation_ticket_discard_draft        l-xccxx--xccc c----
GET  escalation_ticket_ask_abort            lbbbbbbbbbbbb bbbbb
POST escalation_ticket_ask_abort            o-xooxx--xooo o----
GET  escalation_ticket_resolve              lbbbbbbbbbbbb bbbbb
POST escalation_ticket_resolve              o-x??xx--x??? ?----
GET  escalation_ticket_comment              lbbbbbbbbbbbb bbbbb
POST escalation_ticket_comment              o-x??xx--x??? ?----
GET  escalation_ticket_snooze               lbbbbbbbbbbbb bbbbb
POST escalation_ticket_snooze               o-x??xx--x??? ?----
GET  escalation_ticket_choose_together      lbbbbbbbbbbbb bbbbb
POST escalation_ticket_choose_together      lxx>>xx>>x>>> >>>>>
GET  escalation_ticket_preview_together     lbbbbbbbbbbbb bbbbb
POST escalation_ticket_preview_together     l-x??xx--x??? ?----
GET  escalation_ticket_resolve_together     lbbbbbbbbbbbb bbbbb
POST escalation_ticket_resolve_together     l-x??xx--x??? ?----
GET  escalation_ticket_release_together     lbbbbbbbbbbbb bbbbb
POST escalation_ticket_release_together     l-x>>xx--x>>> >----
GET  escalation_ticket_pause                lbbbbbbbbbbbb bbbbb
POST escalation_ticket_pause                l-xx>xx--xx>> x----
GET  escalation_ticket_resume               lbbbbbbbbbbbb bbbbb
POST escalation_ticket_resume               l-xxcxx--xxcc x----
GET  escalation_ticket_replan               lbbbbbbbbbbbb bbbbb
POST escalation_ticket_replan               l-xxxcx--xxcc x----
GET  escalation_ticket_assign               lbbbbbbbbbbbb bbbbb
POST escalation_ticket_assign               l-xx?xx--xx?? x----
GET  escalation_ticket_changelist           lxooooooooooo ooooo
GET  escalation_ticket_add                  xxxx
GET  escalation_ticket_history              -ooo
GET  escalation_ticket_delete               -xxx
GET  escalation_ticket_change               lxooooo--oooo o----
GET  auth_user_password_change              lxxxxo
GET  auth_user_changelist                   lxxxxo
GET  auth_user_add                          xxxo
GET  auth_user_history                      xxxo
GET  auth_user_delete                       xxxo
GET  auth_user_change                       lxxxxo
GET  auth_group_changelist                  lxxxxo
GET  auth_group_add                         xxxo
GET  auth_group_history                     xxxo
GET  auth_group_delete                      xxxo
GET  auth_group_change                      lxxxxo
GET  agents_breaker_reset                   lbbbbb
POST agents_breaker_reset                   lxxx--
GET  agents_breaker_changelist              lxxxoo
GET  agents_breaker_add                     xxxx
GET  agents_breaker_history                 ----
GET  agents_breaker_delete                  xxxx
GET  agents_breaker_change                  lxxx--
GET  agents_pool_changelist                 lxxxoo
GET  agents_pool_add                        xxxx
GET  agents_pool_history                    ----
GET  agents_pool_delete                     xxxx
GET  agents_pool_change                     lxxx--
GET  support_customer_changelist            lxxxxo
GET  support_customer_add                   xxxo
GET  support_customer_history               ----
GET  support_customer_delete                xxx-
GET  support_customer_change                lxxxx-
GET  support_product_changelist             lxxxxo
GET  support_product_add                    xxxo
GET  support_product_history                ----
GET  support_product_delete                 xxx-
GET  support_product_change                 lxxxx-
GET  support_order_changelist               lxxxxo
GET  support_order_add                      xxxo
GET  support_order_history                  ----
GET  support_order_delete                   xxx-
GET  support_order_change                   lxxxx-
GET  support_outboxmessage_changelist       lxxxxo
GET  support_outboxmessage_add              xxxx
GET  support_outboxmessage_history          ----
GET  support_outboxmessage_delete           xxxx
GET  support_outboxmessage_change           lxxxx-
GET  assistant_refund_changelist                 lxxxxo
GET  assistant_refund_add                        xxxx
GET  assistant_refund_history                    ----
GET  assistant_refund_delete                     xxxx
GET  assistant_refund_change                     lxxxx-
GET  fraud_cardaction_changelist            lxxxxo
GET  fraud_cardaction_add                   xxxx
GET  fraud_cardaction_history               ----
GET  fraud_cardaction_delete                xxxx
GET  fraud_cardaction_change                lxxxx-
GET  fraud_case_changelist                  lxxxxo
GET  fraud_case_add                         xxxx
GET  fraud_case_history                     ----
GET  fraud_case_delete                      xxxx
GET  fraud_case_change                      lxxxx-
GET  fraud_servicecall_changelist           lxxxxo
GET  fraud_servicecall_add                  xxxx
GET  fraud_servicecall_history              ----
GET  fraud_servicecall_delete               xxxx
GET  fraud_servicecall_change               lxxxx-
"""
