# make install: each tier's files in FHS paths, under DESTDIR if given. A frontend's machine gets nothing
# of the backend; the miner is for miners' machines. What an administrator edits is written only where there is none yet.
#
#     make install-frontend | install-data | install-backend | install-miner | install (all)   [PREFIX=/usr] [DESTDIR=]

PREFIX      ?= /usr
SYSCONFDIR  ?= /etc
BINDIR      ?= $(PREFIX)/bin
SBINDIR     ?= $(PREFIX)/sbin
LIBEXECDIR  ?= $(PREFIX)/libexec/penstock
DATADIR     ?= $(PREFIX)/share/penstock
DOCDIR      ?= $(PREFIX)/share/doc/penstock
MANDIR      ?= $(PREFIX)/share/man
UNITDIR     ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d

MAN_frontend = penstock-frontend.8 penstock-publisher.8 penstock-live.8 frontend.conf.5
MAN_miner    = action-miner.1
MAN_backend  = penstock-worker.8 penstock-jobs.8 penstock-task.8 penstockctl.8 backend.conf.5
man_pages    = $(addprefix $(BUILD)/man/,$(1))

.PHONY: man install-frontend install-backend install-data install-miner install-doc install-sql
man: $(call man_pages,$(MAN_frontend) $(MAN_backend) $(MAN_miner))        ## manual pages

# What a program says of itself goes into its pages: the last prerequisite is that program.
$(BUILD)/man/penstock-frontend.8 $(BUILD)/man/frontend.conf.5: $(BUILD)/penstock-frontend
$(BUILD)/man/penstock-publisher.8: $(BUILD)/penstock-publisher
$(BUILD)/man/penstock-live.8: $(BUILD)/penstock-live
$(BUILD)/man/penstock-worker.8 $(BUILD)/man/backend.conf.5: $(BUILD)/penstock-worker
$(BUILD)/man/penstock-jobs.8: $(BUILD)/penstock-jobs
$(BUILD)/man/penstock-task.8: $(BUILD)/penstock-task
$(BUILD)/man/penstockctl.8: $(BUILD)/penstockctl
$(BUILD)/man/action-miner.1: $(BUILD)/tools/action-miner
$(BUILD)/man/%: deploy/man/%.in deploy/man/render VERSION
	@mkdir -p $(@D)
	deploy/man/render $< $(VERSION) $(filter $(PROGRAMS) $(TOOLS),$^) >$@.new && mv $@.new $@

# $(call put,MODE,FOLDER,FILES): no ownership is set, so that a package can be staged without root.
put = install -d $(DESTDIR)$(2) && install -m $(1) $(3) $(DESTDIR)$(2)/
# $(call example,PROGRAM,FILE)
example = $(BUILD)/$(1) --print-example >$(DESTDIR)$(2) && chmod 644 $(DESTDIR)$(2)
# $(call fill,TEMPLATE,FOLDER/NAME[,sed options]): a template with the paths of this installation.
fill = install -d $(DESTDIR)$(dir $(2)) && sed $(3) -e 's|@BINDIR@|$(BINDIR)|g; s|@SBINDIR@|$(SBINDIR)|g' \
	-e 's|@LIBEXECDIR@|$(LIBEXECDIR)|g; s|@DATADIR@|$(DATADIR)|g; s|@ROTATELOGS@|/usr/bin/rotatelogs|g' \
	$(1) >$(DESTDIR)$(2) && chmod 644 $(DESTDIR)$(2) && ! grep -n '@[A-Z_]*@' $(DESTDIR)$(2)
unless_there = [ -e $(DESTDIR)$(1) ] || { $(2); }
install_man = $(call put,644,$(MANDIR)/man$(1),$(filter %.$(1),$(call man_pages,$(2))))
# Passwords are files of this folder, each with an owner of its own; only their names are known here.
secrets = install -d -m 711 $(DESTDIR)$(SYSCONFDIR)/penstock/secrets

# What all units of our own may do is said once.
SANDBOX = -e '/^@SANDBOX@$$/r deploy/systemd/sandbox' -e '/^@SANDBOX@$$/d'

# Apache's own variables (Define) stand for what differs from machine to machine.
SITE = -e 's|@FRONTEND@|$(SBINDIR)/penstock-frontend|; s|@FRONTEND_CONF@|$(SYSCONFDIR)/penstock/frontend.conf|' \
	-e 's|@REQUEST_BOUND@|$(DATADIR)/apache/request-bound.lua|' \
	-e 's|@SITE@|$(DATADIR)/site|; s|@CACHE@|/run/penstock/cache|' \
	-e 's/@\(HTTPS_PORT\|HTTP_PORT\|CERT\|KEY\|REFUSED_LOG\)@/$${PENSTOCK_\1}/'

# The same for the Apache of those who wait.
LONGPOLL = -e 's|@RUN@|/run/penstock-longpoll|; s|@SERVER_ROOT@|/run/penstock-longpoll|; s/@\(USER\|GROUP\)@/www-data/' \
	-e 's/@\(HTTPS_PORT\|HTTP_PORT\|CERT\|KEY\|LIVE\|ERROR_LOG\)@/$${PENSTOCK_\1}/g'

install: install-frontend install-data install-backend install-miner ## all in FHS paths; also install-frontend, -data, -backend, -miner

install-doc:
	$(call put,644,$(DOCDIR),README.md LICENSE deploy/INSTALL.md)

install-frontend: $(BUILD)/penstock-frontend $(BUILD)/penstock-publisher $(BUILD)/penstock-live $(call man_pages,$(MAN_frontend)) install-doc
	$(call put,755,$(SBINDIR),$(BUILD)/penstock-frontend $(BUILD)/penstock-publisher $(BUILD)/penstock-live)
	$(call put,755,$(LIBEXECDIR),deploy/apache/warm-up)
	$(call put,644,$(DATADIR)/apache,deploy/apache/request-bound.lua deploy/apache/server.conf)
	$(call put,644,$(DATADIR)/site,frontend/api/openapi.json)
	$(call put,644,$(DATADIR)/site/static,$(wildcard frontend/static/*))
	$(call fill,deploy/apache/site.conf.in,$(DATADIR)/apache/site.conf,$(SITE))
	$(call unless_there,$(SYSCONFDIR)/apache2/sites-available/penstock.conf,\
		$(call fill,deploy/apache/penstock.conf.in,$(SYSCONFDIR)/apache2/sites-available/penstock.conf))
	$(call fill,deploy/apache/longpoll.conf.in,$(DATADIR)/apache/longpoll.conf,$(LONGPOLL))
	$(call unless_there,$(SYSCONFDIR)/penstock/longpoll.conf,\
		$(call fill,deploy/apache/longpoll.site.in,$(SYSCONFDIR)/penstock/longpoll.conf))
	$(call fill,deploy/systemd/penstock-live.service.in,$(UNITDIR)/penstock-live.service,$(SANDBOX))
	$(call fill,deploy/systemd/penstock-longpoll.service.in,$(UNITDIR)/penstock-longpoll.service)
	$(call fill,deploy/systemd/apache2.conf.in,$(UNITDIR)/apache2.service.d/penstock.conf)
	$(call fill,deploy/systemd/penstock-publisher.service.in,$(UNITDIR)/penstock-publisher.service,$(SANDBOX))
	$(call fill,deploy/systemd/tmpfiles.conf,$(TMPFILESDIR)/penstock.conf)
	$(secrets)
	$(call example,penstock-frontend,$(SYSCONFDIR)/penstock/frontend.conf.example)
	$(call install_man,8,$(MAN_frontend))
	$(call install_man,5,$(MAN_frontend))

install-backend: $(BUILD)/penstock-worker $(BUILD)/penstock-jobs $(BUILD)/penstock-poke $(BUILD)/penstock-task $(BUILD)/penstockctl $(call man_pages,$(MAN_backend)) install-doc install-sql
	$(call put,755,$(SBINDIR),$(BUILD)/penstock-worker $(BUILD)/penstock-jobs $(BUILD)/penstock-poke $(BUILD)/penstock-task)
	$(call put,755,$(BINDIR),$(BUILD)/penstockctl)
	$(call fill,deploy/systemd/penstock-worker@.service.in,$(UNITDIR)/penstock-worker@.service,$(SANDBOX))
	$(call fill,deploy/systemd/penstock-jobs.service.in,$(UNITDIR)/penstock-jobs.service,$(SANDBOX))
	$(call fill,deploy/systemd/penstock-partitions.service.in,$(UNITDIR)/penstock-partitions.service,$(SANDBOX))
	$(call fill,deploy/systemd/penstock-task@.service.in,$(UNITDIR)/penstock-task@.service,$(SANDBOX))
	$(call put,644,$(DOCDIR)/prometheus,deploy/prometheus/penstock-alerts.yml deploy/prometheus/prometheus.yml)
	$(call put,644,$(DOCDIR)/grafana,deploy/grafana/penstock.json)
	$(call put,644,$(UNITDIR),deploy/systemd/penstock-partitions.timer deploy/systemd/penstock-task@*.timer)
	$(call fill,deploy/systemd/sysusers.conf,$(SYSUSERSDIR)/penstock.conf)
	$(secrets)
	$(call example,penstock-worker,$(SYSCONFDIR)/penstock/backend.conf.example)
	$(call install_man,8,$(MAN_backend))
	$(call install_man,5,$(MAN_backend))

install-data: install-doc install-sql
	$(call put,644,$(DATADIR)/mariadb,deploy/mariadb/60-penstock.cnf)
	$(call put,644,$(DATADIR)/rabbitmq,deploy/rabbitmq/server.conf deploy/rabbitmq/README.md)
	$(call put,755,$(DATADIR)/rabbitmq,deploy/rabbitmq/render-definitions)

# For miners, who need nothing else of this.
install-miner: $(BUILD)/tools/action-miner $(call man_pages,$(MAN_miner))
	$(call put,755,$(BINDIR),$(BUILD)/tools/action-miner)
	$(call install_man,1,$(MAN_miner))

# Accounts and grants for the DBA, migrations for penstockctl: both tiers look at the same files.
install-sql:
	$(call put,644,$(DATADIR)/sql,sql/README.md sql/users.sql sql/ledger.sql sql/grants.sql)
	$(call put,755,$(DATADIR)/sql,sql/create-users sql/backup sql/restore)
	$(call put,644,$(DATADIR)/sql/migrations,sql/migrations/*.sql)
